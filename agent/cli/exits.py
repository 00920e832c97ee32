"""What a command's exit code says; the same words for every command (sysexits.h for the last)."""

from __future__ import annotations

from typing import Final

OK: Final = 0
"""Done, and what was asked is so."""
REFUSED: Final = 1
"""Done, and what was asked is not so: a code refused, a chain broken; or it could not be done."""
USAGE: Final = 2
"""The command line itself is wrong."""
UNKNOWN: Final = 3
"""Done, but the store has never heard of what was asked about: its answer is empty for that."""
CONFIG: Final = 78
"""A station file is refused (EX_CONFIG). systemd does not restart on it: it wants an engineer."""
