"""The Docker engine: reached where it is, installed and started where it may be."""

from scripts.engine.debian import Mirror, find_mirror, install_packages
from scripts.engine.ensure import Ensured, ensure_engine, ensured
from scripts.engine.reach import Client, Engine, EngineError, ImageNotFoundError, connect, describe_engine
from scripts.engine.start import stop_engine

__all__ = [
    "Client",
    "Engine",
    "EngineError",
    "Ensured",
    "ImageNotFoundError",
    "Mirror",
    "connect",
    "describe_engine",
    "ensure_engine",
    "ensured",
    "find_mirror",
    "install_packages",
    "stop_engine",
]
