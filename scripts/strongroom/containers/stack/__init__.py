"""The stack of ``compose.yaml`` on this machine: up, looked at, down."""

from strongroom.containers.stack.files import Folder, init_certificates, provide_files
from strongroom.containers.stack.manage import Stack, Started, destroy, down, local_postgres, status, up

__all__ = [
    "Folder",
    "Stack",
    "Started",
    "destroy",
    "down",
    "init_certificates",
    "local_postgres",
    "provide_files",
    "status",
    "up",
]
