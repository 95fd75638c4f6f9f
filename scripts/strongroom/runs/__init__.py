"""Put staged files live, or back, as a set: whatever happens, each file is the old one or the new one.

A journal says the intent before the first rename and is closed after the last; ``recover`` finishes
what an open journal began.
"""

from strongroom.runs.exclusive import refuse_busy
from strongroom.runs.journal import Checkpoint, Place, Swap
from strongroom.runs.publish import publish, recover
from strongroom.runs.undo import find_changes, find_lost, put_back

__all__ = [
    "Checkpoint",
    "Place",
    "Swap",
    "find_changes",
    "find_lost",
    "publish",
    "put_back",
    "recover",
    "refuse_busy",
]
