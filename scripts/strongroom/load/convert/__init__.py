"""What each of a schema's types takes of what SQLite holds, and what it becomes."""

from strongroom.load.convert.choose import Reading, choose_packer
from strongroom.load.convert.model import Packer, UnfitError

__all__ = ["Packer", "Reading", "UnfitError", "choose_packer"]
