"""What people see: tables and sentences on stdout, progress on stderr, JSON as a documented contract.

Its names stand in ``__init__.pyi``; a module is imported when one of its names is asked for.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
