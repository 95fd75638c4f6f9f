"""Kubernetes: the manifests of ``k8s/`` rendered, checked without a cluster, and compared with one."""
