"""``python -m strongroom``, and ``strongroom`` where it is installed: run our Invoke Program on our tasks."""

from __future__ import annotations

from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import namespace


def main() -> None:
    """Run the command line of this process, and end it with its exit code."""
    OpsProgram(namespace).run()


if __name__ == "__main__":
    main()
