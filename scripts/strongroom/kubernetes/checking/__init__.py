"""Check renderings without a cluster: by Kubernetes' own schemas, and for what no schema sees."""

from strongroom.kubernetes.checking.check import Checked, check_tree, judge_rendering
from strongroom.kubernetes.checking.scene import Finding, KnownFlag, Scene, Tasks

__all__ = ["Checked", "Finding", "KnownFlag", "Scene", "Tasks", "check_tree", "judge_rendering"]
