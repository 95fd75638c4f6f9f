"""Strongroom: bring scattered databases together and prove that nothing was lost."""

__version__ = "0.1.0"
