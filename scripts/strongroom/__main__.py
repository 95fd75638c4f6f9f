"""``python -m strongroom``, and ``strongroom`` where it is installed: run our Invoke Program on our tasks."""

from __future__ import annotations

import sys

from strongroom.tasks._outline import read_outline
from strongroom.tasks._program import OpsProgram
from strongroom.tasks.namespace import find_named, gather


def main() -> None:
    """Run the command line of this process, and end it with its exit code."""
    OpsProgram(gather(find_named(sys.argv[1:])), read_outline).run()


if __name__ == "__main__":
    main()
