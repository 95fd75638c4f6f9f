"""The fields of volumes, and of the claims that stand behind them."""

from __future__ import annotations

from collections.abc import Mapping

from strongroom.kubernetes.running.fields.model import Field, done, many, one, refused, void

_STORAGE = "storage of a cluster: give its files as a claim (--claim NAME=DIR)"
_CLAIM = "the claim is met by a volume of the engine, or by what --claim names"
_FOREIGN = (
    "awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "csi", "ephemeral", "fc", "flexVolume",
    "flocker", "gcePersistentDisk", "gitRepo", "glusterfs", "image", "iscsi", "nfs", "photonPersistentDisk",
    "portworxVolume", "quobyte", "rbd", "scaleIO", "storageos", "vsphereVolume",
)  # fmt: skip

VOLUMES: Mapping[str, Mapping[str, Field]] = {
    "Volume": {
        **done("name"),
        "configMap": one("ConfigMapVolumeSource"),
        "downwardAPI": one("DownwardAPIVolumeSource"),
        "emptyDir": one("EmptyDirVolumeSource"),
        "persistentVolumeClaim": one("PersistentVolumeClaimVolumeSource"),
        "projected": one("ProjectedVolumeSource"),
        "secret": one("SecretVolumeSource"),
        "hostPath": refused("it would share what belongs to this machine"),
        **dict.fromkeys(_FOREIGN, refused(_STORAGE)),
    },
    "ConfigMapVolumeSource": {**done("defaultMode", "name", "optional"), "items": many("KeyToPath")},
    "SecretVolumeSource": {**done("defaultMode", "optional", "secretName"), "items": many("KeyToPath")},
    "KeyToPath": done("key", "mode", "path"),
    "DownwardAPIVolumeSource": {**done("defaultMode"), "items": many("DownwardAPIVolumeFile")},
    "DownwardAPIVolumeFile": {
        **done("mode", "path"),
        "fieldRef": one("ObjectFieldSelector"),
        "resourceFieldRef": one("ResourceFieldSelector"),
    },
    "EmptyDirVolumeSource": {
        **done("sizeLimit"),
        "medium": refused("there are disks and memory here", harmless=("", "Memory")),
    },
    "PersistentVolumeClaimVolumeSource": done("claimName", "readOnly"),
    "ProjectedVolumeSource": {**done("defaultMode"), "sources": many("VolumeProjection")},
    "VolumeProjection": {
        "configMap": one("ProjectedSource"),
        "secret": one("ProjectedSource"),
        "downwardAPI": one("DownwardAPIProjection"),
        "serviceAccountToken": one("ServiceAccountTokenProjection"),
        "clusterTrustBundle": refused("no cluster gives out certificates here"),
        "podCertificate": refused("no cluster gives out certificates here"),
    },
    "ProjectedSource": {**done("name", "optional"), "items": many("KeyToPath")},
    "DownwardAPIProjection": {"items": many("DownwardAPIVolumeFile")},
    "ServiceAccountTokenProjection": done("audience", "expirationSeconds", "path"),
    "PersistentVolumeClaimSpec": {
        **dict.fromkeys(
            (
                "accessModes", "dataSource", "dataSourceRef", "resources", "selector", "storageClassName",
                "volumeAttributesClassName", "volumeName",
            ),
            void(_CLAIM),
        ),
        "volumeMode": refused("files are what a volume holds here", harmless=("Filesystem",)),
    },
}  # fmt: skip
