"""What each of a schema's types takes of what SQLite holds, and what it becomes."""

from strongroom.load.convert.choose import Reading, choose_packer
from strongroom.load.convert.model import Packer, UnfitError
from strongroom.load.convert.rows import Field, write_packer

__all__ = ["Field", "Packer", "Reading", "UnfitError", "choose_packer", "write_packer"]
