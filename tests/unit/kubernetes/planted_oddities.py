"""Mistakes that were thought of once the rules stood."""

from __future__ import annotations

from tests.unit.kubernetes.planting import BOX, GONE, JOB, POD, Mistake

MISTAKES = (
    Mistake(
        name="a port that is no port",
        edits={"Deployment/redis": {"spec.template.spec.containers[0].ports[0].containerPort": 70000}},
        object="Deployment/redis", field="ports[0].containerPort", says="must lie in 1 to 65535",
    ),
    Mistake(
        name="less than no try",
        edits={"CronJob/backup": {f"{JOB}.backoffLimit": -1}},
        object="CronJob/backup", field="backoffLimit", says="must be 0 at least",
    ),
    Mistake(
        name="a secret that is no base64",
        edits={"Secret/aragora-encryption": {"data[sqlite-key]": "not base64!"}},
        object="Secret/aragora-encryption", field="data[sqlite-key]", says="is no base64",
    ),
    Mistake(
        name="everything in the world, and the cloud's own passwords",
        edits={"NetworkPolicy/redis": {"spec.egress[0].to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}},
        object="NetworkPolicy/redis", field="ipBlock", says="169.254.169.254",
    ),
    Mistake(
        name="a new Pod that waits for the volume of the old one",
        edits={"Deployment/metrics": {"spec.strategy": {"type": "RollingUpdate"}}},
        object="Deployment/metrics", field="spec.strategy.type", says="waits for the volume",
    ),
    Mistake(
        name="two replicas on one volume",
        edits={"Deployment/metrics": {"spec.replicas": 2}},
        object="Deployment/metrics", field="spec.replicas", says="one node",
    ),
    Mistake(
        name="a field of the Pod that there is not",
        edits={"CronJob/backup": {f"{BOX}.env[+]": {
            "name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodename"}}}}},
        object="CronJob/backup", field="fieldPath", says="did you mean spec.nodeName?",
    ),
    Mistake(
        name="days of the week the wrong way round",
        edits={"CronJob/prune": {"spec.schedule": "17 7 * * MON-SUN"}},
        object="CronJob/prune", field="spec.schedule", says="the smaller one first",
    ),
    Mistake(
        name="a selector that takes a list, without one",
        edits={"NetworkPolicy/s3": {"spec.podSelector": {
            "matchExpressions": [{"key": "strongroom-needs-store", "operator": "In"}]}}},
        object="NetworkPolicy/s3", field="spec.podSelector", says="no Pod here has",
    ),
    Mistake(
        name="a file outside of its volume",
        edits={"CronJob/keys-check": {f"{POD}.volumes[vault].projected.sources[1].secret.items[0].path": "../ca.crt"}},
        object="CronJob/keys-check", field="volumeMounts", says="ca.crt is not in the Pod",
    ),
    Mistake(
        name="a day's work in five minutes",
        edits={"CronJob/backup": {"spec.schedule": "*/5 * * * *"}},
        object="CronJob/backup", field="activeDeadlineSeconds", says="no less than the 300 s",
    ),
    Mistake(
        name="another user than the files' group",
        edits={"CronJob/backup": {f"{POD}.securityContext.runAsGroup": 0}},
        object="CronJob/backup", field="runAsGroup", says="is root's",
    ),
    Mistake(
        name="a claim without a size",
        edits={"PersistentVolumeClaim/strongroom-data": {"spec.resources": GONE}},
        object="PersistentVolumeClaim/strongroom-data", field="spec.resources.requests.storage", says="is no quantity",
    ),
    Mistake(
        name="a claim that nobody may mount",
        edits={"PersistentVolumeClaim/strongroom-data": {"spec.accessModes": ["ReadWriteTwice"]}},
        object="PersistentVolumeClaim/strongroom-data", field="spec.accessModes[0]", says="ReadWriteTwice is unknown",
    ),
    Mistake(
        name="a digest with a letter too few",
        edits={"CronJob/backup": {f"{BOX}.image": "strongroom/ops@sha256:" + "0" * 63}},
        object="CronJob/backup", field="image", says="is no image",
    ),
    Mistake(
        name="a capital letter in a name",
        edits={"CronJob/status": {"metadata.name": "Status"}},
        object="CronJob/Status", field="metadata.name", says="is no name of an object",
    ),
    Mistake(
        name="an address of Vault that is none of the cluster's",
        without=["Service/vault"],
        object="CronJob/keys-check", field="egress", says="there is no Service vault",
    ),
    Mistake(
        name="a file's name with a slash",
        edits={"ConfigMap/strongroom-system": {"data[sql/plan.yaml]": "version: 1"}},
        object="ConfigMap/strongroom-system", field="data[sql/plan.yaml]", says="is no key",
    ),
    Mistake(
        name="failures that leave no trace",
        edits={"CronJob/backup": {"spec.failedJobsHistoryLimit": 0}},
        object="CronJob/backup", field="spec.failedJobsHistoryLimit", says="evidence would be gone",
    ),
    Mistake(
        name="a way in for somebody who is not there",
        edits={"NetworkPolicy/postgres-ingress": {
            "spec.ingress[0].from[0].podSelector.matchLabels": {"strongroom-needs-postgers": "yes"}}},
        object="NetworkPolicy/postgres-ingress", field="spec.ingress[0].from[0].podSelector", says="no Pod here has",
    ),
    Mistake(
        name="a Deployment of somebody else's Pods",
        edits={"Deployment/s3": {"spec.selector.matchLabels": {"app.kubernetes.io/name": "seaweedfs"}}},
        object="Deployment/s3", field="spec.selector", says="its own Pods have not",
    ),
    Mistake(
        name="a digest that no node may pull",
        edits={"CronJob/backup": {
            f"{BOX}.image": "strongroom/ops@sha256:" + "1f" * 32, f"{BOX}.imagePullPolicy": "Never"}},
        object="CronJob/backup", field="imagePullPolicy", says="a node that has not the image",
    ),
    Mistake(
        name="a probe that asks the node's neighbour",
        edits={"Deployment/metrics": {"spec.template.spec.containers[0].readinessProbe.tcpSocket.host": "10.0.0.1"}},
        object="Deployment/metrics", field="readinessProbe.tcpSocket.host", says="not allowed since 1.34",
    ),
    Mistake(
        name="a root file system that can be written",
        edits={"CronJob/load": {f"{BOX}.securityContext.readOnlyRootFilesystem": False}},
        object="CronJob/load", field="readOnlyRootFilesystem", says="is not true",
    ),
    Mistake(
        name="variables that Services make",
        edits={"CronJob/load": {f"{POD}.enableServiceLinks": GONE}},
        object="CronJob/load", field="enableServiceLinks", says="each Service sets variables",
    ),
    Mistake(
        name="two mounts at one place",
        edits={"CronJob/backup": {f"{BOX}.volumeMounts[stage].mountPath": "/tmp/"}},
        object="CronJob/backup", field="mountPath", says="is mounted twice",
    ),
    Mistake(
        name="a part of a volume that is above it",
        edits={"CronJob/backup": {f"{BOX}.volumeMounts[data].subPath": "../other"}},
        object="CronJob/backup", field="subPath", says="leaves its volume",
    ),
)  # fmt: skip
