"""What a Job does with an exit code: made from the table of exit codes, and nowhere said twice."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from strongroom.core.errors import ExitCode
from strongroom.kubernetes import policy
from strongroom.kubernetes.policy import Action, list_lasting_codes, make_rules, render_patch

PATCHES: list[tuple[str, Action]] = [
    ("k8s/components/every-pod/pod-failure-policy.yaml", "FailJob"),
    ("k8s/jobs/fleet/failures-by-index.yaml", "FailIndex"),
]


@pytest.mark.parametrize(("file", "action"), PATCHES)
def test_the_manifests_say_what_the_table_of_exit_codes_says(
    repository: Path, request: pytest.FixtureRequest, file: str, action: Action
) -> None:
    if request.config.getoption("--update-golden"):
        (repository / file).write_text(render_patch(action), encoding="utf-8")
    assert (repository / file).read_text(encoding="utf-8") == render_patch(action)


def decide(code: int, *, disrupted: bool = False) -> str:
    """Return what a Job does with a Pod that failed, as its controller reads rules: the first that fits decides."""
    for rule in make_rules():
        conditions, codes = rule.get("onPodConditions"), rule.get("onExitCodes")
        if conditions and disrupted and conditions == [{"type": "DisruptionTarget", "status": "True"}]:
            return str(rule["action"])
        if codes and codes["operator"] == "In" and code in codes["values"]:
            return str(rule["action"])
    return "Count"


def test_each_code_is_retried_or_not_as_the_table_says() -> None:
    expected = {"fail": "FailJob", "retry": "Count"}
    decided = {int(code): decide(code) for code in ExitCode if code is not ExitCode.DONE}
    assert decided == {int(code): expected[code.job] for code in ExitCode if code is not ExitCode.DONE}
    assert {"FailJob", "Count"} == set(decided.values())


def test_a_code_that_nobody_knows_is_tried_again() -> None:
    strange = [code for code in (15, 42, 125, 137, 139, 255) if ExitCode.find(code) is None]
    assert len(strange) == 6
    assert {decide(code) for code in strange} == {"Count"}


def test_a_drain_costs_no_attempt_whatever_the_pod_ended_with() -> None:
    assert {decide(code, disrupted=True) for code in (143, 137, 1, 3)} == {"Ignore"}


def test_a_patch_holds_the_rules_and_is_about_every_container() -> None:
    for _, action in PATCHES:
        spec = yaml.safe_load(render_patch(action))["spec"]["jobTemplate"]["spec"]
        assert spec == {"podFailurePolicy": {"rules": make_rules(action)}}


def test_advice_that_no_rule_knows_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "_ADVICE", {"fail", ""})
    with pytest.raises(ValueError, match="says retry, which no rule knows"):
        list_lasting_codes()
