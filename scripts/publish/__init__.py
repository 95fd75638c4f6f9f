"""Put staged files live, or back, as a set: whatever happens, each file is the old one or the new one.

A journal says the intent before the first rename and is closed after the last; ``recover`` finishes
what an open journal began.
"""

from scripts.publish.back import find_changes, put_back
from scripts.publish.forward import publish, recover
from scripts.publish.holding import refuse_busy
from scripts.publish.journal import Checkpoint, Place, Swap

__all__ = ["Checkpoint", "Place", "Swap", "find_changes", "publish", "put_back", "recover", "refuse_busy"]
