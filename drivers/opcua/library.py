"""The protocol library without its server half, which a client never calls: 2 MB.

`asyncua` imports its server beside its client. Here the server's place is taken while the rest is
imported; who asks for `asyncua.Server` afterwards gets it, imported then.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

_SERVER = "asyncua.server"


def import_client() -> None:
    """Import asyncua; nothing happens where it was imported already."""
    if "asyncua" in sys.modules:
        return
    place = ModuleType(_SERVER)
    vars(place)["Server"] = None
    sys.modules[_SERVER] = place
    try:
        library = vars(import_module("asyncua"))
    finally:
        del sys.modules[_SERVER]
    del library["Server"]
    library["__getattr__"] = _later


def _later(name: str) -> object:
    """Return the server class on demand, as a module's `__getattr__` does (PEP 562)."""
    if name != "Server":
        raise AttributeError(f"module 'asyncua' has no attribute {name!r}")
    return import_module(_SERVER).Server
