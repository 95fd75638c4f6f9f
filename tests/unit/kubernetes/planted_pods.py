"""Mistakes in Pods: what they may do, what they mount, what they are told."""

from __future__ import annotations

from tests.unit.kubernetes.planting import BOX, GONE, JOB, POD, Mistake

MISTAKES = (
    Mistake(
        name="a folder of the node",
        edits={"CronJob/backup": {f"{POD}.volumes[tmp]": {"name": "tmp", "hostPath": {"path": "/var/tmp"}}}},
        object="CronJob/backup", field="hostPath", says="hostPath is not allowed",
    ),
    Mistake(
        name="an init container that was not looked at",
        edits={"CronJob/backup": {f"{POD}.initContainers": [{
            "name": "chown", "image": "strongroom/ops:local", "command": ["chown", "-R", "10001", "/work"],
            "volumeMounts": [{"name": "data", "mountPath": "/work"}],
            "resources": {"requests": {"cpu": "1m", "memory": "8Mi", "ephemeral-storage": "1Mi"},
                          "limits": {"memory": "8Mi", "ephemeral-storage": "1Mi"}},
            "securityContext": {"runAsUser": 0, "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False,
                                "capabilities": {"drop": ["ALL"]}},
        }]}},
        object="CronJob/backup", field="initContainers[0].securityContext.runAsUser", says="is root's",
    ),
    Mistake(
        name="a capability too many",
        edits={"CronJob/backup": {f"{BOX}.securityContext.capabilities.add": ["SYS_PTRACE"]}},
        object="CronJob/backup", field="capabilities.add", says="gives SYS_PTRACE",
    ),
    Mistake(
        name="no seccomp for one container",
        edits={"CronJob/restore": {f"{BOX}.securityContext.seccompProfile": {"type": "Unconfined"}}},
        object="CronJob/restore", field="seccompProfile.type", says="is not RuntimeDefault",
    ),
    Mistake(
        name="a parameter of the node's kernel",
        edits={"CronJob/load": {f"{POD}.securityContext.sysctls": [{"name": "net.core.somaxconn", "value": "1024"}]}},
        object="CronJob/load", field="sysctls[0].name", says="net.core.somaxconn is not allowed",
    ),
    Mistake(
        name="a port of the node",
        edits={"Deployment/metrics": {"spec.template.spec.containers[0].ports[0].hostPort": 9100}},
        object="Deployment/metrics", field="ports[0].hostPort", says="is not allowed",
    ),
    Mistake(
        name="a namespace that only warns",
        edits={"Namespace/strongroom": {"metadata.labels[pod-security.kubernetes.io/enforce]": "baseline"}},
        object="Namespace/strongroom", field="pod-security.kubernetes.io/enforce", says="is not restricted",
    ),
    Mistake(
        name="a standard that changes with the cluster",
        edits={"Namespace/strongroom": {"metadata.labels[pod-security.kubernetes.io/warn-version]": "latest"}},
        object="Namespace/strongroom", field="warn-version", says="is not pinned (got latest)",
    ),
    Mistake(
        name="a token that nobody asked for",
        edits={"CronJob/backup": {f"{POD}.automountServiceAccountToken": GONE}},
        object="CronJob/backup", field="automountServiceAccountToken", says="a token of the API server",
    ),
    Mistake(
        name="a token for everybody",
        edits={"CronJob/keys-check": {
            f"{POD}.volumes[vault].projected.sources[0].serviceAccountToken.audience": GONE}},
        object="CronJob/keys-check", field="serviceAccountToken.audience", says="has no audience",
    ),
    Mistake(
        name="a key by subPath",
        edits={"CronJob/backup": {f"{BOX}.volumeMounts[aragora-encryption].subPath": "sqlite-key"}},
        object="CronJob/backup", field="subPath", says="is never renewed",
    ),
    Mistake(
        name="a key that everybody in the Pod reads",
        edits={"CronJob/backup": {f"{POD}.volumes[aragora-encryption].secret.defaultMode": 0o444}},
        object="CronJob/backup", field="secret.defaultMode", says="0444: everybody may read it",
    ),
    Mistake(
        name="a mode without its 0",
        edits={"CronJob/backup": {f"{POD}.volumes[aragora-encryption].secret.defaultMode": 440}},
        object="CronJob/backup", field="secret.defaultMode", says="is 0670",
    ),
    Mistake(
        name="a volume that nobody declared",
        edits={"CronJob/backup": {f"{BOX}.volumeMounts[stage].name": "staging"}},
        object="CronJob/backup", field="volumeMounts", says="mounts staging, which the Pod does not declare",
    ),
    Mistake(
        name="a volume that nobody mounts",
        edits={"CronJob/restore": {f"{POD}.volumes[+]": {"name": "cache", "emptyDir": {"sizeLimit": "1Gi"}}}},
        object="CronJob/restore", field="volumes", says="cache is declared, and no container mounts it",
    ),
    Mistake(
        name="a claim that is not there",
        edits={"CronJob/backup": {f"{POD}.volumes[data].persistentVolumeClaim.claimName": "aragora-data"}},
        object="CronJob/backup", field="persistentVolumeClaim.claimName", says="no claim aragora-data",
    ),
    Mistake(
        name="databases that cannot be written, in WAL mode",
        edits={"CronJob/backup": {f"{BOX}.volumeMounts[data].readOnly": True}},
        object="CronJob/backup", field="readOnly", says="a database in WAL mode",
    ),
    Mistake(
        name="volumes that stay root's",
        edits={"CronJob/backup": {f"{POD}.securityContext.fsGroup": GONE}},
        object="CronJob/backup", field="securityContext.fsGroup", says="is root's",
    ),
    Mistake(
        name="a walk through all files at each start",
        edits={"CronJob/backup": {f"{POD}.securityContext.fsGroupChangePolicy": "Always"}},
        object="CronJob/backup", field="fsGroupChangePolicy", says="all files of the volume",
    ),
    Mistake(
        name="nowhere for temporary files",
        edits={"CronJob/backup": {f"{BOX}.volumeMounts[tmp].mountPath": "/temp"}},
        object="CronJob/backup", field="volumeMounts", says="nothing writable is at /tmp",
    ),
    Mistake(
        name="two nodes for one volume",
        edits={"CronJob/backup": {
            f"{POD}.affinity": GONE, f"{JOB}.template.metadata.labels[strongroom-volumes]": GONE}},
        object="CronJob/backup", field="affinity.podAffinity", says="nothing draws it to the node",
    ),
    Mistake(
        name="a folder without a limit",
        edits={"CronJob/backup": {f"{POD}.volumes[stage].emptyDir": {}}},
        object="CronJob/backup", field="emptyDir.sizeLimit", says="it may fill the node",
    ),
    Mistake(
        name="a stage that is larger than what the Pod may use",
        edits={"CronJob/backup": {f"{POD}.volumes[stage].emptyDir.sizeLimit": "200Gi"}},
        object="CronJob/backup", field="emptyDir.sizeLimit", says="would be evicted first",
    ),
    Mistake(
        name="no limit of memory",
        edits={"CronJob/backup": {f"{BOX}.resources.limits.memory": GONE}},
        object="CronJob/backup", field="resources.limits.memory", says="is not said",
    ),
    Mistake(
        name="no limit of the node's disk",
        edits={"CronJob/backup": {f"{BOX}.resources.limits[ephemeral-storage]": GONE}},
        object="CronJob/backup", field="resources.limits.ephemeral-storage", says="is not said",
    ),
    Mistake(
        name="half a byte of memory",
        edits={"CronJob/backup": {f"{BOX}.resources.limits.memory": "512m"}},
        object="CronJob/backup", field="resources.limits.memory", says="0.512 bytes",
    ),
    Mistake(
        name="more asked than allowed",
        edits={"CronJob/backup": {f"{BOX}.resources.requests.memory": "4Gi"}},
        object="CronJob/backup", field="resources.requests.memory", says="more than the limit of",
    ),
    Mistake(
        name="an image by a moving tag",
        edits={"CronJob/backup": {f"{BOX}.image": "strongroom/ops:latest"}},
        object="CronJob/backup", field="image", says="has no tag of its own",
    ),
    Mistake(
        name="production without a digest",
        edits={"CronJob/backup": {f"{BOX}.image": "registry.example.com/strongroom/ops:1.4.2"}},
        object="CronJob/backup", field="image", says="has no digest", overlay="production",
    ),
    Mistake(
        name="two versions of one program",
        edits={"CronJob/restore": {f"{BOX}.image": "strongroom/ops:0.9"}},
        object="CronJob/restore", field="image", says="another strongroom/ops than",
    ),
    Mistake(
        name="a drill without servers",
        edits={"CronJob/drill": {f"{BOX}.image": "strongroom/ops:local"}},
        object="CronJob/drill", field="image", says="no servers to restore into",
    ),
    Mistake(
        name="a task that is none",
        edits={"CronJob/backup": {f"{BOX}.args[0]": "backup.run"}},
        object="CronJob/backup", field="args[0]", says="there is no task backup.run",
    ),
    Mistake(
        name="a whole line in one argument",
        edits={"CronJob/backup": {f"{BOX}.args": ["backup.create --json"]}},
        object="CronJob/backup", field="args[0]", says="there is no task backup.create --json",
    ),
    Mistake(
        name="a flag that is none",
        edits={"CronJob/backup": {f"{BOX}.args[+]": "--quiet"}},
        object="CronJob/backup", field="args[1]", says="has no flag --quiet",
    ),
    Mistake(
        name="a required flag that is missing",
        edits={"CronJob/load": {f"{BOX}.args": ["consolidate.run"]}},
        object="CronJob/load", field="args", says="consolidate.run needs",
    ),
    Mistake(
        name="a command in the place of arguments",
        edits={"CronJob/backup": {f"{BOX}.args": GONE, f"{BOX}.command": ["backup.create"]}},
        object="CronJob/backup", field="command", says="in the place of the image's own",
    ),
    Mistake(
        name="a variable that nobody set",
        edits={"CronJob/load": {f"{BOX}.args[+]": "--system=$(SYSTEM_FOLDER)"}},
        object="CronJob/load", field="args", says="$(SYSTEM_FOLDER) is no variable",
    ),
    Mistake(
        name="a variable twice",
        edits={"CronJob/backup": {f"{BOX}.env[+]": {"name": "HOME", "value": "/work"}}},
        object="CronJob/backup", field="env", says="HOME stands 2 times",
    ),
    Mistake(
        name="a home that cannot be written",
        edits={"CronJob/backup": {f"{BOX}.env[HOME].value": "/root"}},
        object="CronJob/backup", field="env[HOME]", says="cannot be written",
    ),
    Mistake(
        name="pulled always, in small letters",
        edits={"CronJob/backup": {f"{BOX}.imagePullPolicy": "always"}},
        object="CronJob/backup", field="imagePullPolicy", says="did you mean Always?",
    ),
)  # fmt: skip
