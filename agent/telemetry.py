"""What the agent says of itself: log lines as keys and values, and its life signs to systemd.

Laws:
    1. One line at each change of state, none between (STYLE 7).
    2. Saying something never waits and never fails: a log that nobody reads, or whose disk is full,
       costs lines, which are counted, and nothing else (FAULTS E06).
    3. The watchdog is fed by progress, never by a timer alone (PITFALLS D1): whoever feeds it asks
       first whether everything moves.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import TextIO, cast


@contextlib.contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Let an import not find a module that it takes along only where there is one."""
    known = sys.modules.get(name)
    sys.modules[name] = cast("ModuleType", None)
    try:
        yield
    finally:
        del sys.modules[name]
        if known is not None:
            sys.modules[name] = known


with _hidden("rich"):  # 4 MB for a traceback printer that we do not use
    import structlog
    from structlog.typing import EventDict

LEVELS: Mapping[str, str] = {
    "link_lost": "warning",
    "tag_fault": "error",
    "device_warning": "warning",
    "write_refused": "error",
    "clock_unsynced": "warning",
    "driver_failed": "error",
    "sink_down": "warning",
    "sink_paused": "error",
    "sink_warning": "warning",
    "sink_unsteady": "error",
    "session_taken_over": "error",
    "event_quarantined": "error",
    "journal_failed": "error",
    "journal_damaged": "error",
    "journal_filled": "error",
    "sink_skipped": "error",
    "history_lost": "error",
    "history_unknown": "error",
    "station_refused": "error",
    "not_ready": "warning",
    "key_missing": "error",
    "checkpoint_failed": "error",
    "scans_lost": "error",
    "stray_error": "error",
    "config_warning": "warning",
    "commands_unavailable": "error",
    "lookup_begins": "warning",
    "lookup_damaged": "error",
    "lookup_failed": "error",
    "neighbour_unknown": "warning",
    "neighbour_damaged": "error",
    "neighbour_message_refused": "error",
    "neighbours_lost": "warning",
    "neighbours_store_lost": "error",
    "broker_lost": "warning",
    "store_lost": "error",
    "message_set_aside": "error",
    "events_lack": "warning",
    "resend_awaited": "warning",
    "mark_rebuilt": "warning",
    "clock_stepped": "warning",
    "agent_failed": "critical",
}
"""What is not `info`: warning heals by itself, error needs a person, critical precedes exit."""


class _Out:
    """A stream as the log needs it: it takes a line at once or not at all."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._poll = select.poll()
        self._fd: int | None = None
        with contextlib.suppress(OSError):  # nothing of the system is behind it
            self._fd = stream.fileno()
            self._poll.register(self._fd, select.POLLOUT)
        self._is_torn = False
        self.dropped = 0
        """Lines that nobody took since the last one that went through."""

    def write(self, line: str) -> None:
        """Write what can be written now; what was cut off is ended before the next line."""
        if self._fd is None:
            self._stream.write(line)
            return
        rest = (b"\n" if self._is_torn else b"") + line.encode(errors="backslashreplace")
        while rest:
            written = self._write_some(self._fd, rest[: select.PIPE_BUF])
            if not written:
                self.dropped += 1
                return
            rest = rest[written:]
            self._is_torn = bool(rest)
        self.dropped = 0

    def _write_some(self, fd: int, some: bytes) -> int:
        """Return how many bytes went through: a pipe that polls as open takes PIPE_BUF of them."""
        if not any(what & select.POLLOUT for _, what in self._poll.poll(0)):
            return 0
        try:
            return os.write(fd, some)
        except OSError:
            return 0

    def flush(self) -> None:
        """Everything is written already."""

    def count_dropped(self, _log: object, _name: str, line: EventDict) -> EventDict:
        """Add to a line how many before it were lost."""
        if self.dropped:
            line["lines_dropped"] = self.dropped
        return line


def set_up(stream: TextIO | None = None) -> None:
    """Write log lines to the stream (standard output): for people on a terminal, else as JSON."""
    stream = stream or sys.stdout
    out = _Out(stream)
    if stream.isatty():
        renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer(
            exception_formatter=structlog.dev.plain_traceback
        )
    else:
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            out.count_dropped,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer()
            if not stream.isatty()
            else structlog.stdlib.PositionalArgumentsFormatter(),
            renderer,
        ],
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", out)),
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
        """Send `KEY=value` lines; a manager that is gone, or does not read, is not waited for."""
        if not self._address:
            return
        text = "\n".join(f"{key}={value}" for key, value in fields.items())
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        with socket.socket(socket.AF_UNIX, kind) as out, contextlib.suppress(OSError):
            out.sendto(text.encode(), self._address)
