"""Which USB device is behind a serial port: vendor, product and serial number, as the kernel tells.

A name in /dev/serial/by-id is made of the same, but a scanner without a serial number shares it
with every one of its kind, and a name in by-path belongs to the socket: then only this tells that
another one was plugged in.
"""

from __future__ import annotations

import os
from pathlib import Path

_SYS = Path("/sys")
_FIELDS = ("idVendor", "idProduct", "serial", "product")


def usb_identity(path: str, sys: Path = _SYS) -> str | None:
    """Return `vendor:product serial (name)` of the USB device behind a port, None if it has none.

    Args:
        path: The port, or a link to it.
        sys: Where the kernel's view of devices is mounted.
    """
    device = sys / "class" / "tty" / Path(os.path.realpath(path)).name / "device"
    folder = Path(os.path.realpath(device))
    for parent in (folder, *folder.parents):
        vendor, product, serial, name = (_text(parent / field) for field in _FIELDS)
        if vendor and product:
            words = (f"{vendor}:{product}", serial, f"({name})" if name else "")
            return " ".join(word for word in words if word)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:  # no such field, or unplugged meanwhile
        return ""
