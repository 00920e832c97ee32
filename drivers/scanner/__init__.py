"""Code readers on a serial line, a TCP port or as a keyboard: options, and how the driver is built.

How the parts work together: `others` (who else has the port open) < `link` (the one user of
pyserial; `usb` tells what is plugged in) < `session` (which feeds the framer of `drivers.framing`;
`garble` tells wrong line settings) < `driver`. `keys` is the other kind of `link`.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers.base import Clock, Driver
from drivers.options import DriverSpec, Tag
from drivers.scanner.options import ScannerOptions


def _build(name: str, options: ScannerOptions, tags: Sequence[Tag], clock: Clock) -> Driver:
    """Return a scanner driver, not yet connected; a scanner has no tags."""
    from drivers.scanner.driver import ScannerDriver  # noqa: PLC0415 - brings pyserial with it

    del tags
    return ScannerDriver(name, options, clock)


SPEC = DriverSpec(
    summary="Reads a barcode or 2D code scanner on a serial line, a TCP port or as a keyboard.",
    options=ScannerOptions,
    tag_options=None,
    build=_build,
    endpoint=lambda options: options.endpoint,
    shareable=False,
    is_told=lambda options: options.reply is not None,
)
