"""``inv``: set-up on first use, silence afterwards, the caller's directory, several callers at once.

Each test works on a copy with empty lock files and a stand-in package, so that nothing is downloaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

STAND_IN = "import os, sys; print(os.getcwd(), *sys.argv[1:], sep='|')\n"
INSTALLING = "inv: installing requirements.txt into .venv, once\n"


@pytest.fixture(scope="module")
def ready_home(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """A copy of the wrapper that has set itself up once; the name of its folder is awkward."""
    home = tmp_path_factory.mktemp("a home's $folder") / "the repository"
    (home / "scripts" / "strongroom").mkdir(parents=True)
    (home / "scripts" / "strongroom" / "__init__.py").touch()
    (home / "scripts" / "strongroom" / "__main__.py").write_text(STAND_IN, encoding="utf-8")
    shutil.copy2(repository / "inv", home / "inv")
    for name in ("requirements.txt", "requirements-dev.txt"):
        (home / name).write_text(f"# nothing in {name}\n", encoding="utf-8")
    first = run(home / "inv", "first", cwd=home)
    assert (first.stdout, first.stderr, first.returncode) == (f"{home}|first\n", INSTALLING, 0)
    return home


@pytest.fixture
def home(ready_home: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil; its interpreter is a link, so .venv may move."""
    copy = tmp_path / "copy"
    shutil.copytree(ready_home, copy, symlinks=True)
    return copy


def run(inv: Path, *words: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # The tests' own interpreter comes first on PATH: it has venv, whatever else the machine offers.
    path = f"{Path(sys._base_executable).parent}{os.pathsep}{kept['PATH']}"
    environment = {**kept, "PATH": path, **variables}
    return subprocess.run(
        [inv, *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def test_it_is_silent_when_there_is_nothing_to_do(ready_home: Path, tmp_path: Path) -> None:
    ended = run(ready_home / "inv", "a b", "", "--flag=*", cwd=tmp_path)
    assert (ended.stdout, ended.stderr) == (f"{tmp_path}|a b||--flag=*\n", "")


def test_another_package_of_our_name_is_not_ours(ready_home: Path, tmp_path: Path) -> None:
    (tmp_path / "strongroom").mkdir()
    (tmp_path / "strongroom" / "__init__.py").touch()
    (tmp_path / "strongroom" / "__main__.py").write_text("print('not ours')", encoding="utf-8")
    ended = run(ready_home / "inv", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert ended.stdout == f"{tmp_path}\n"


def test_it_may_be_called_by_a_link(ready_home: Path, tmp_path: Path) -> None:
    (tmp_path / "direct").symlink_to(ready_home / "inv")
    (tmp_path / "linked").symlink_to("direct")
    assert run(tmp_path / "linked", cwd=tmp_path).stdout == f"{tmp_path}\n"


def test_the_exit_code_is_the_programs(home: Path) -> None:
    (home / "scripts" / "strongroom" / "__main__.py").write_text("raise SystemExit(11)", encoding="utf-8")
    assert run(home / "inv", cwd=home).returncode == 11


def test_changed_requirements_are_installed(home: Path) -> None:
    (home / "requirements.txt").write_text("# changed\n", encoding="utf-8")
    assert run(home / "inv", cwd=home).stderr == INSTALLING
    assert run(home / "inv", cwd=home).stderr == ""


@pytest.mark.parametrize("words", [["test"], ["check.unit", "--fast"], ["--json", "check.lint"], ["k8s.check"]])
def test_tests_and_checks_get_the_development_tools(words: list[str], home: Path) -> None:
    assert run(home / "inv", *words, cwd=home).stderr == INSTALLING.replace("requirements", "requirements-dev")
    assert run(home / "inv", *words, cwd=home).stderr == ""
    assert run(home / "inv", "demo", cwd=home).stderr == ""


@pytest.mark.parametrize("words", [["demo"], ["consolidate.check"], ["paths.show", "--system", "test"], []])
def test_other_tasks_do_not(words: list[str], home: Path) -> None:
    assert run(home / "inv", *words, cwd=home).stderr == ""


def test_an_interpreter_that_went_away_is_replaced(home: Path) -> None:
    python = home / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3.11")
    ended = run(home / "inv", cwd=home)
    assert (ended.stdout, ended.stderr) == (f"{home}\n", INSTALLING)


def test_after_a_killed_set_up_callers_at_once_do_it_once(home: Path) -> None:
    (home / ".venv" / "requirements.txt").unlink()  # the stamp, which is written last
    (home / ".venv" / "bin" / "python").unlink()
    with ThreadPoolExecutor(3) as pool:
        ended = list(pool.map(lambda _: run(home / "inv", cwd=home), range(3)))
    assert {(caller.stdout, caller.returncode) for caller in ended} == {(f"{home}\n", 0)}
    assert "".join(caller.stderr for caller in ended) == INSTALLING


def test_a_package_without_a_hash_is_refused(home: Path) -> None:
    (home / "requirements.txt").write_text("invoke==3.0.3\n", encoding="utf-8")
    ended = run(home / "inv", cwd=home)
    assert ended.returncode == 5
    assert "error: requirements.txt: could not be installed\n hint: the lines above say why" in ended.stderr
    assert "--hash" in ended.stderr


def test_the_named_interpreter_is_used(home: Path) -> None:
    assert run(home / "inv", cwd=home, STRONGROOM_PYTHON=sys.executable).stderr == INSTALLING
    assert run(home / "inv", cwd=home, STRONGROOM_PYTHON=sys.executable).stderr == ""


def test_a_named_interpreter_that_is_none_is_refused(home: Path) -> None:
    ended = run(home / "inv", cwd=home, STRONGROOM_PYTHON="/bin/true")
    assert ended.returncode == 2
    assert ended.stderr == (
        "error: STRONGROOM_PYTHON: /bin/true is no Python 3.11 or newer with venv\n hint: name another, or unset it\n"
    )


def test_no_interpreter_is_a_clear_line(home: Path) -> None:
    shutil.rmtree(home / ".venv")
    (home / "bin").mkdir()
    for name in ("sh", "cat", "cmp", "readlink"):
        (home / "bin" / name).symlink_to(str(shutil.which(name)))
    environment = {"PATH": str(home / "bin")}
    ended = subprocess.run([home / "inv"], env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: python3: no Python 3.11 or newer with venv on PATH\n hint: install it")


def test_the_lock_files_name_no_index(repository: Path) -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (repository / name).read_text(encoding="utf-8")
        assert "://" not in text
        assert "--index-url" not in text


def test_the_development_lock_contains_the_other(repository: Path) -> None:
    def read_pins(name: str) -> set[str]:
        return {line.split()[0] for line in (repository / name).read_text("utf-8").splitlines() if "==" in line}

    assert read_pins("requirements.txt") <= read_pins("requirements-dev.txt")
