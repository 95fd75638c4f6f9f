"""A process that holds keys is closed: it leaves no core file, and no other one may look into its memory."""

from __future__ import annotations

import ctypes
import resource
import sys

from strongroom.core.scrubbing import scrub_logs

_SET_DUMPABLE = 4
"""PR_SET_DUMPABLE of prctl(2): also keeps what ``core_pattern`` pipes a core into, which heeds no limit."""


def close_process() -> None:
    """Forbid core files and a debugger of the same user, now and for what is forked; let logs be scrubbed.

    What the kernel refuses stays as it is: a limit can only be lowered, and no system but Linux has the other call.
    Afterwards ``/proc/self`` belongs to root; the process itself may still read it.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)
    scrub_logs()
