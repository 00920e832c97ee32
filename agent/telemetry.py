"""What the agent says of itself: log lines as keys and values, and its life signs to systemd.

One line at each change of state, none between (STYLE 7). The watchdog is fed by progress, never by
a timer alone (PITFALLS D1): whoever feeds it asks first whether everything moves.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from typing import TextIO

import structlog

LEVELS: Mapping[str, str] = {
    "link_lost": "warning",
    "tag_fault": "error",
    "write_refused": "error",
    "driver_failed": "error",
    "sink_down": "warning",
    "sink_paused": "error",
    "sink_warning": "warning",
    "event_quarantined": "error",
    "journal_failed": "error",
    "history_lost": "error",
    "station_refused": "error",
    "clock_stepped": "warning",
    "agent_failed": "critical",
}
"""What is not `info`: warning heals by itself, error needs a person, critical precedes exit."""


def set_up(stream: TextIO | None = None) -> None:
    """Write log lines to the stream (standard output): for people on a terminal, else as JSON."""
    out = stream or sys.stdout
    if out.isatty():
        renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer(
            exception_formatter=structlog.dev.plain_traceback
        )
    else:
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer()
            if not out.isatty()
            else structlog.stdlib.PositionalArgumentsFormatter(),
            renderer,
        ],
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )


class Teller:
    """Says what changed: one log line, its level by its name."""

    def __init__(self, **fields: object) -> None:
        self._log = structlog.get_logger().bind(**fields)

    def __call__(self, event: str, **fields: object) -> None:
        """Write the line."""
        known = {key: value for key, value in fields.items() if value is not None}
        getattr(self._log, LEVELS.get(event, "info"))(event, **known)

    def bound(self, **fields: object) -> Teller:
        """Return a teller whose lines carry these fields too."""
        teller = Teller()
        teller._log = self._log.bind(**fields)
        return teller


class Notifier:
    """Life signs to systemd over `$NOTIFY_SOCKET`; silent where there is none."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        interval = environ.get("WATCHDOG_USEC", "")
        self.watchdog_s = int(interval) / 1e6 if interval.isdigit() else None
        """How long systemd waits between two life signs; None: there is no watchdog."""

    def say(self, **fields: str) -> None:
        """Send `KEY=value` lines; a manager that is gone is not missed."""
        if not self._address:
            return
        text = "\n".join(f"{key}={value}" for key, value in fields.items())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            try:
                out.sendto(text.encode(), self._address)
            except OSError:
                return
