"""Encrypt, rekey, decrypt and verify one database where it stands, so that a kill at any moment costs nothing.

Each change is a state machine with a document that is written before what it says; the same command again finishes
what a killed one began, or undoes it. At every moment exactly one key, or none for a plain file, opens the database.
"""

from strongroom.rotate.recoding import decrypt, encrypt
from strongroom.rotate.records import Work
from strongroom.rotate.rekeying import rekey
from strongroom.rotate.removing import Kept, list_kept, remove_original
from strongroom.rotate.request import Request, Surroundings
from strongroom.rotate.results import Changed, Check, Checked, Earlier, Removed
from strongroom.rotate.shell import Asked, Where, open_shell
from strongroom.rotate.verifying import verify

__all__ = [
    "Asked",
    "Changed",
    "Check",
    "Checked",
    "Earlier",
    "Kept",
    "Removed",
    "Request",
    "Surroundings",
    "Where",
    "Work",
    "decrypt",
    "encrypt",
    "list_kept",
    "open_shell",
    "rekey",
    "remove_original",
    "verify",
]
