"""The stack of ``compose.yaml`` on this machine: up, looked at, down."""

from scripts.stack.files import Folder, init_certificates, provide_files
from scripts.stack.manage import Stack, Started, destroy, down, status, up

__all__ = ["Folder", "Stack", "Started", "destroy", "down", "init_certificates", "provide_files", "status", "up"]
