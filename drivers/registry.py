"""Which drivers there are. A new driver is its module and one line here, imported on use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drivers.options import DriverSpec

DRIVERS = {
    "opcua": "drivers.opcua",
    "modbus": "drivers.modbus",
    "scanner": "drivers.scanner",
}


def driver_spec(name: str) -> DriverSpec:
    """Return what the named driver says of itself.

    Raises:
        KeyError: there is no such driver.
    """
    spec: DriverSpec = import_module(DRIVERS[name]).SPEC
    return spec
