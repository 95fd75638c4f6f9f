"""``python -m scripts``: run our Invoke Program on the repository's tasks."""

from __future__ import annotations

from scripts.tasks._program import OpsProgram, load_namespace

if __name__ == "__main__":
    OpsProgram(load_namespace()).run()
