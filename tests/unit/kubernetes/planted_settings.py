"""Mistakes in what objects say of each other, in settings, and in the ways through the network."""

from __future__ import annotations

from tests.unit.kubernetes.planting import BOX, GONE, JOB, POD, Mistake

NETWORK = "networking.k8s.io/v1"


def _replace(old: str, new: str) -> object:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


SYSTEM = "data[system.yaml]"
MISTAKES = (
    Mistake(
        name="settings under another name",
        edits={"ConfigMap/strongroom-settings": {"metadata.name": "settings"}},
        object="CronJob/backup", field="envFrom[0].configMapRef", says="no ConfigMap strongroom-settings",
    ),
    Mistake(
        name="settings that nobody reads",
        more=[{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "seetings", "namespace": "strongroom"},
               "data": {"A": "b"}}],
        object="ConfigMap/seetings", field="metadata.name", says="nothing uses it",
    ),
    Mistake(
        name="a key of a Secret that is not there",
        edits={"Secret/strongroom-vault": {"data": {"ca.pem": "eA=="}}},
        object="CronJob/keys-check", field="items[0].key", says="has no key ca.crt (it has: ca.pem)",
    ),
    Mistake(
        name="a Secret that is not there",
        without=["Secret/strongroom-s3"],
        object="CronJob/backup", field="secret", says="no Secret strongroom-s3",
    ),
    Mistake(
        name="a file of a Secret that the system names otherwise",
        edits={"Secret/strongroom-s3": {"data[access-key]": GONE, "data[access_key]": "eA=="}},
        object="CronJob/backup", field="volumeMounts", says="strongroom-s3/access-key is not in",
    ),
    Mistake(
        name="a password's file that is not mounted",
        edits={"CronJob/backup": {f"{BOX}.env[POSTGRES_PASSWORD_FILE].value": "/run/secrets/postgres/password"}},
        object="CronJob/backup", field="env[POSTGRES_PASSWORD_FILE]", says="is not in the Pod",
    ),
    Mistake(
        name="an empty secret",
        edits={"Secret/aragora-encryption": {"data[sqlite-key]": ""}},
        object="Secret/aragora-encryption", field="data[sqlite-key]", says="is empty",
    ),
    Mistake(
        name="a service account that is not there",
        edits={"CronJob/backup": {f"{POD}.serviceAccountName": "backup"}},
        object="CronJob/backup", field="serviceAccountName", says="there is no backup",
    ),
    Mistake(
        name="a password in settings",
        edits={"ConfigMap/strongroom-settings": {
            "data.DATABASE_URL": _replace("postgresql://", "postgresql://app:hunter2@")}},
        object="ConfigMap/strongroom-settings", field="data[DATABASE_URL]", says="holds a password",
    ),
    Mistake(
        name="a password in a variable",
        edits={"CronJob/backup": {f"{BOX}.env[+]": {"name": "REDIS_PASSWORD", "value": "hunter2"}}},
        object="CronJob/backup", field="env", says="stands here to be read",
    ),
    Mistake(
        name="a variable of ours that is misspelled",
        edits={"ConfigMap/strongroom-settings": {
            "data.STRONGROOM_SYSTEM": GONE, "data.STRONGROOM_SYTEM": "/etc/strongroom/aragora"}},
        object="ConfigMap/strongroom-settings", field="STRONGROOM_SYTEM", says="did you mean STRONGROOM_SYSTEM?",
    ),
    Mistake(
        name="nobody says which system",
        edits={"ConfigMap/strongroom-settings": {"data.STRONGROOM_SYSTEM": GONE}},
        object="CronJob/backup", field="args", says="which system",
    ),
    Mistake(
        name="a system that is mounted elsewhere",
        edits={"CronJob/backup": {f"{BOX}.volumeMounts[system].mountPath": "/etc/strongroom/zoe"}},
        object="CronJob/backup", field="volumeMounts", says="/system.yaml is not in the Pod",
    ),
    Mistake(
        name="a system with a key that is none",
        edits={"ConfigMap/strongroom-system": {SYSTEM: _replace("stage:", "staging:")}},
        object="ConfigMap/strongroom-system", field="system.yaml", says="did you mean stage?",
    ),
    Mistake(
        name="a stage on no volume",
        edits={"ConfigMap/strongroom-system": {SYSTEM: _replace("stage: /stage", "stage: /var/stage")}},
        object="CronJob/backup", field="volumeMounts", says="stage /var/stage is on no volume",
    ),
    Mistake(
        name="data on no volume",
        edits={"ConfigMap/strongroom-settings": {"data.ARAGORA_DATA_DIR": "/srv/aragora"}},
        object="CronJob/backup", field="volumeMounts", says="data directory /srv/aragora is on no volume",
    ),
    Mistake(
        name="no way to PostgreSQL",
        without=["NetworkPolicy/postgres"],
        object="CronJob/backup", field="egress", says="PostgreSQL (DATABASE_URL) at postgres:5432",
    ),
    Mistake(
        name="a port that no policy opens",
        edits={
            "ConfigMap/strongroom-settings": {"data.DATABASE_URL": _replace("postgres:5432", "db.corp.internal:6432")},
        },
        object="CronJob/backup", field="egress", says="PostgreSQL (DATABASE_URL) at db.corp.internal:6432",
    ),
    Mistake(
        name="a policy by the wrong protocol",
        edits={"NetworkPolicy/redis": {"spec.egress[0].ports[0].protocol": "UDP"}},
        object="CronJob/backup", field="egress", says="Redis (REDIS_URL) at redis:6379",
    ),
    Mistake(
        name="nobody may ask DNS",
        without=["NetworkPolicy/dns"],
        object="CronJob/backup", field="egress", says="ask DNS",
    ),
    Mistake(
        name="a server that lets nobody in",
        edits={"NetworkPolicy/s3-ingress": {
            "spec.ingress[0].from[0].podSelector.matchLabels": {"app.kubernetes.io/name": "strongroom-metrics"}}},
        object="Deployment/s3", field="ingress", says="no policy lets CronJob/",
    ),
    Mistake(
        name="a policy for nobody",
        edits={"NetworkPolicy/vault": {"spec.podSelector.matchLabels": {"strongroom-need-vault": "yes"}}},
        object="NetworkPolicy/vault", field="spec.podSelector", says="no Pod here has strongroom-need-vault=yes",
    ),
    Mistake(
        name="rules that no type asks for",
        edits={"NetworkPolicy/vault-egress": {"spec.policyTypes": ["Ingress"]}},
        object="NetworkPolicy/vault-egress", field="spec.policyTypes", says="has rules of egress",
    ),
    Mistake(
        name="a block of addresses that is none",
        edits={"NetworkPolicy/redis": {"spec.egress[0].to": [{"ipBlock": {"cidr": "10.0.0.0/33"}}]}},
        object="NetworkPolicy/redis", field="ipBlock.cidr", says="10.0.0.0/33",
    ),
    Mistake(
        name="everything is open",
        without=["NetworkPolicy/default-deny"],
        object="Namespace/strongroom", field="NetworkPolicy", says="no policy denies Ingress",
    ),
    Mistake(
        name="a Service for nobody",
        edits={"Service/s3": {"spec.selector": {"app": "s3"}}},
        object="Service/s3", field="spec.selector", says="no Pod here has app=s3",
    ),
    Mistake(
        name="a Service for a port that is none",
        edits={"Service/postgres": {"spec.ports[0].targetPort": "postgresql"}},
        object="Service/postgres", field="spec.ports[0].targetPort", says="postgresql is no port",
    ),
    Mistake(
        name="a budget for what ends by itself",
        more=[{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
               "metadata": {"name": "backup", "namespace": "strongroom"},
               "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app.kubernetes.io/name": "strongroom"}}}}],
        object="PodDisruptionBudget/backup", field="spec.selector", says="does not guard what runs to its end",
    ),
    Mistake(
        name="a neighbour that is not there",
        edits={"CronJob/backup": {
            f"{POD}.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector.matchLabels":
            {"app": "aragora"}}},
        object="CronJob/backup", field="labelSelector", says="no Pod here has app=aragora",
    ),
    Mistake(
        name="an object twice",
        more=[{"apiVersion": "v1", "kind": "ServiceAccount", "automountServiceAccountToken": False,
               "metadata": {"name": "strongroom", "namespace": "strongroom"}}],
        object="ServiceAccount/strongroom", field="metadata.name", says="stands 2 times",
    ),
    Mistake(
        name="another namespace",
        edits={"ConfigMap/strongroom-fleet": {"metadata.namespace": "default"}},
        object="ConfigMap/strongroom-fleet", field="metadata.namespace", says="default is another one",
    ),
    Mistake(
        name="a label that is too long",
        edits={"CronJob/backup": {f"{JOB}.template.metadata.labels.note": "kept-for-the-auditors-of-the-year-" * 2}},
        object="CronJob/backup", field="labels[note]", says="no value of a label",
    ),
    Mistake(
        name="a work list that is no JSON",
        edits={"ConfigMap/strongroom-fleet": {"data[tenants.jsonl]": '{"name": "a"}\n{"name": b}\n'}},
        object="ConfigMap/strongroom-fleet", field="tenants.jsonl", says="is no JSON",
    ),
    Mistake(
        name="a store that an ExternalSecret does not find",
        more=[{"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
               "metadata": {"name": "strongroom-backup", "namespace": "strongroom"},
               "spec": {"secretStoreRef": {"name": "valut"}, "data": [
                   {"secretKey": "password", "remoteRef": {"key": "strongroom/backup", "property": "password"}}]}}],
        object="ExternalSecret/strongroom-backup", field="secretStoreRef.name", says="no SecretStore valut",
    ),
)  # fmt: skip

SEEN_BY_SCHEMAS = (
    Mistake(
        name="a member that is misspelled",
        edits={"CronJob/backup": {"spec.startingDeadlineSecond": 3600}},
        object="CronJob/backup", field="spec", says="no member startingDeadlineSecond",
    ),
    Mistake(
        name="a number in quotes",
        edits={"CronJob/backup": {f"{JOB}.backoffLimit": "5"}},
        object="CronJob/backup", field="backoffLimit", says="must be of type integer",
    ),
    Mistake(
        name="yes without quotes",
        edits={"ConfigMap/strongroom-settings": {"data.VERBOSE": True}},
        object="ConfigMap/strongroom-settings", field="data.VERBOSE", says="must be of type string",
    ),
    Mistake(
        name="a kind that is no more",
        more=[{"apiVersion": "policy/v1beta1", "kind": "PodSecurityPolicy", "metadata": {"name": "strongroom"},
               "spec": {}}],
        object="PodSecurityPolicy/strongroom", field="kind", says="no kind that is known",
    ),
    Mistake(
        name="a version that is no more",
        edits={"CronJob/backup": {"apiVersion": "batch/v1beta1"}},
        object="CronJob/backup", field="kind", says="batch/v1beta1 CronJob is no kind that is known",
    ),
    Mistake(
        name="an alert without its question",
        more=[{"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule",
               "metadata": {"name": "alerts", "namespace": "strongroom"},
               "spec": {"groups": [{"name": "a", "rules": [{"alert": "BackupTooOld", "for": "15m"}]}]}}],
        object="PrometheusRule/alerts", field="spec.groups[0].rules[0]", says="needs expr",
    ),
    Mistake(
        name="a member of an ExternalSecret that is misspelled",
        more=[
            {"apiVersion": "external-secrets.io/v1", "kind": "SecretStore",
             "metadata": {"name": "vault", "namespace": "strongroom"},
             "spec": {"provider": {"vault": {"server": "https://vault:8200", "auth": {"kubernetes": {}}}}}},
            {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
             "metadata": {"name": "strongroom-backup", "namespace": "strongroom"},
             "spec": {"secretStoreRef": {"name": "vault"}, "refreshIntervall": "1h", "data": [
                 {"secretKey": "password", "remoteRef": {"key": "strongroom/backup", "property": "password"}}]}},
        ],
        object="ExternalSecret/strongroom-backup", field="spec", says="no member refreshIntervall",
    ),
)  # fmt: skip
