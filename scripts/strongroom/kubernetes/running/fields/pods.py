"""The fields of Pods and containers."""

from __future__ import annotations

from collections.abc import Mapping

from strongroom.kubernetes.running.fields.model import Field, done, many, one, refused, void

_PLACE = "there is one machine, and this Pod has it"
_QUEUE = "nothing competes with this Pod for its place"
_OURS = "it would share what belongs to this machine"
_DEVICES = "there are no such devices here"
_CONTEXT = {
    **done("runAsGroup", "runAsNonRoot", "runAsUser"),
    "appArmorProfile": one("AppArmorProfile"),
    "seccompProfile": one("SeccompProfile"),
    "seLinuxOptions": refused("labels of SELinux are not set here"),
    "windowsOptions": refused("this is no Windows"),
}

PODS: Mapping[str, Mapping[str, Field]] = {
    "PodTemplateSpec": {"metadata": one("ObjectMeta"), "spec": one("PodSpec")},
    "PodSpec": {
        **done("activeDeadlineSeconds", "automountServiceAccountToken", "dnsPolicy", "hostname", "restartPolicy"),
        **done("serviceAccount", "serviceAccountName", "terminationGracePeriodSeconds"),
        "containers": many("Container"),
        "initContainers": many("Container"),
        "volumes": many("Volume"),
        "dnsConfig": one("PodDNSConfig"),
        "hostAliases": many("HostAlias"),
        "securityContext": one("PodSecurityContext"),
        "os": one("PodOS"),
        **dict.fromkeys(("affinity", "nodeName", "nodeSelector", "tolerations"), void(_PLACE)),
        "topologySpreadConstraints": void(_PLACE),
        **dict.fromkeys(("preemptionPolicy", "priority", "priorityClassName", "schedulerName"), void(_QUEUE)),
        "enableServiceLinks": void("no Service has an address here, so there are no variables of Services"),
        "imagePullSecrets": void("images are here, or are pulled as the engine is logged in"),
        "readinessGates": void("no Service sends anything to this Pod"),
        "ephemeralContainers": refused("they are added to a Pod that runs"),
        "hostIPC": refused(_OURS, harmless=(False,)),
        "hostNetwork": refused(_OURS, harmless=(False,)),
        "hostPID": refused(_OURS, harmless=(False,)),
        "hostUsers": refused("users of a Pod are those of the machine here", harmless=(True,)),
        "hostnameOverride": refused("the Pod is called by its name"),
        "overhead": refused("it comes with a runtime class, and there is none here"),
        "resourceClaims": refused(_DEVICES),
        "resources": refused("limits are those of containers here"),
        "runtimeClassName": refused("there is one runtime here"),
        "schedulingGates": refused("a Pod with a gate never starts"),
        "schedulingGroup": refused("Pods start one by one here"),
        "setHostnameAsFQDN": refused("a Pod has no domain here", harmless=(False,)),
        "shareProcessNamespace": refused("each container has processes of its own here", harmless=(False,)),
        "subdomain": refused("a Pod has no domain here"),
    },
    "PodOS": {"name": refused("this is no Windows", harmless=("linux",))},
    "PodSecurityContext": {
        **_CONTEXT,
        **done("fsGroup", "fsGroupChangePolicy", "supplementalGroups"),
        "seLinuxChangePolicy": refused("labels of SELinux are not set here"),
        "supplementalGroupsPolicy": refused("groups of the image stay", harmless=("Merge",)),
        "sysctls": refused("the kernel is this machine's"),
    },
    "SecurityContext": {
        **_CONTEXT,
        **done("allowPrivilegeEscalation", "readOnlyRootFilesystem"),
        "capabilities": one("Capabilities"),
        "privileged": refused("a container that may do everything could do it to this machine", harmless=(False,)),
        "procMount": refused("what the kernel shows stays masked", harmless=("Default",)),
    },
    "Capabilities": done("add", "drop"),
    "SeccompProfile": {
        "type": refused("profiles are the engine's own, or none", harmless=("RuntimeDefault", "Unconfined")),
        "localhostProfile": refused("profiles are the engine's own, or none"),
    },
    "AppArmorProfile": {
        "type": refused("profiles are the engine's own, or none", harmless=("RuntimeDefault", "Unconfined")),
        "localhostProfile": refused("profiles are the engine's own, or none"),
    },
    "PodDNSConfig": {**done("nameservers", "searches"), "options": many("PodDNSConfigOption")},
    "PodDNSConfigOption": done("name", "value"),
    "HostAlias": done("hostnames", "ip"),
    "Container": {
        **done("args", "command", "image", "imagePullPolicy", "name", "terminationMessagePath"),
        **done("terminationMessagePolicy", "workingDir"),
        "env": many("EnvVar"),
        "envFrom": many("EnvFromSource"),
        "resources": one("ResourceRequirements"),
        "securityContext": one("SecurityContext"),
        "volumeMounts": many("VolumeMount"),
        "ports": void("a port that is named is as open as one that is not; nothing reaches the Pod from outside"),
        "readinessProbe": void("no Service sends anything to this Pod"),
        "resizePolicy": void("nobody changes the limits of a container that runs"),
        "lifecycle": refused("nothing is run when a container begins or ends"),
        "livenessProbe": refused("no container is ended because it does not answer"),
        "restartPolicy": refused("the Pod's own holds for all of its containers; sidecars are not run"),
        "restartPolicyRules": refused("the Pod's own policy holds for all of its containers"),
        "startupProbe": refused("no container is ended because it does not answer"),
        "stdin": refused("nobody types anything", harmless=(False,)),
        "stdinOnce": refused("nobody types anything", harmless=(False,)),
        "tty": refused("nobody looks on", harmless=(False,)),
        "volumeDevices": refused(_DEVICES),
    },
    "EnvVar": {**done("name", "value"), "valueFrom": one("EnvVarSource")},
    "EnvVarSource": {
        "configMapKeyRef": one("KeySelector"),
        "secretKeyRef": one("KeySelector"),
        "fieldRef": one("ObjectFieldSelector"),
        "resourceFieldRef": one("ResourceFieldSelector"),
        "fileKeyRef": refused("variables come from the manifest"),
    },
    "KeySelector": done("key", "name", "optional"),
    "ObjectFieldSelector": done("apiVersion", "fieldPath"),
    "ResourceFieldSelector": done("containerName", "divisor", "resource"),
    "EnvFromSource": {**done("prefix"), "configMapRef": one("EnvSource"), "secretRef": one("EnvSource")},
    "EnvSource": done("name", "optional"),
    "ResourceRequirements": {
        "limits": one("ResourceList"),
        "requests": one("ResourceRequests"),
        "claims": refused(_DEVICES),
    },
    "ResourceList": done("cpu", "memory", "ephemeral-storage"),
    "ResourceRequests": {**done("cpu"), **dict.fromkeys(("memory", "ephemeral-storage"), void(_PLACE))},
    "VolumeMount": {
        **done("mountPath", "name", "readOnly", "subPath", "subPathExpr"),
        "mountPropagation": refused("mounts stay where they are made", harmless=("None",)),
        "recursiveReadOnly": refused("what is mounted below a volume is not looked for", harmless=("Disabled",)),
    },
}  # fmt: skip
