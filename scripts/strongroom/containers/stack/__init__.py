"""The stack of ``compose.yaml`` on this machine: up, looked at, down."""

from strongroom.containers.stack.belongings import Belongings
from strongroom.containers.stack.files import Folder, count_days, provide_files
from strongroom.containers.stack.manage import (
    Stack,
    Started,
    belongings,
    destroy,
    down,
    local_postgres,
    renew,
    status,
    up,
)
from strongroom.containers.stack.parts import ALWAYS

__all__ = [
    "ALWAYS",
    "Belongings",
    "Folder",
    "Stack",
    "Started",
    "belongings",
    "count_days",
    "destroy",
    "down",
    "local_postgres",
    "provide_files",
    "renew",
    "status",
    "up",
]
