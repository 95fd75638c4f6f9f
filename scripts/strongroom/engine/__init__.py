"""The Docker engine: reached where it is, installed and started where it may be."""

from strongroom.engine.complaints import explain_failure
from strongroom.engine.debian import Mirror, find_mirror, install_packages
from strongroom.engine.ensure import Ensured, ensure_engine, ensured, find_plugin
from strongroom.engine.reach import (
    Client,
    Engine,
    Image,
    connect,
    count_room_left,
    describe_engine,
    find_endpoint,
    find_image,
    name_engine,
    pull_image,
    remove_untagged,
)
from strongroom.engine.start import stop_engine

__all__ = [
    "Client",
    "Engine",
    "Ensured",
    "Image",
    "Mirror",
    "connect",
    "count_room_left",
    "describe_engine",
    "ensure_engine",
    "ensured",
    "explain_failure",
    "find_endpoint",
    "find_image",
    "find_mirror",
    "find_plugin",
    "install_packages",
    "name_engine",
    "pull_image",
    "remove_untagged",
    "stop_engine",
]
