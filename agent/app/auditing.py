"""An audit over a broker, composed: who is listened to, for how long, and what is made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedWriter
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from agent.app.rim import SystemRandom, secret
from agent.sinks.mqtt import MqttOptions
from agent.sinks.mqtt.listener import Listener, ListenError
from agent.trace.audit import Audit, Since
from agent.trace.claims import StationReport
from agent.trace.heard import HeardError
from agent.trace.requests import Heard

__all__ = ["AuditError", "Since", "Wanted", "audited", "documents", "is_well", "options_of"]

LOOK_EVERY_S = 0.1
SETTLE_S = 2.0
"""With nothing more to ask, so long for what is still on its way: `position` comes each second."""


class AuditError(Exception):
    """The audit cannot be made; the text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be audited."""

    options: MqttOptions | None
    """The broker; None: only the files are looked at."""
    since: Since
    wait_s: float
    """How long is listened before anything is asked for."""
    files: Sequence[Path]
    """JSON lines of what is held already."""
    save: Path | None
    """Where events that came and were not held are appended."""


def options_of(given: Mapping[str, object]) -> MqttOptions:
    """Return how a broker is reached, by the words of a station file.

    Raises:
        AuditError: they do not fit together.
    """
    try:
        return MqttOptions.model_validate({key: v for key, v in given.items() if v is not None})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "broker"
        raise AuditError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from error


def audited(wanted: Wanted) -> list[tuple[StationReport, Heard]]:
    """Return what is proven of every station.

    Raises:
        AuditError: a file or the broker cannot be read, or what came cannot be kept.
    """
    with _Kept(wanted.save) as kept:
        root = wanted.options.root if wanted.options else "lineside"
        audit = Audit(root, f"audit-{SystemRandom().token_hex(4)}", wanted.since, kept.put)
        try:
            for path in wanted.files:
                _have(audit, path)
        except OSError as error:
            raise AuditError(f"{error.filename}: {error.strerror}") from error
        if wanted.options is not None:
            asyncio.run(_listened(audit, wanted.options, wanted.wait_s))
    return list(audit.reports())


class _Kept:
    """The file to which what came is appended, where one is named.

    It is written from a callback, where an error would be nobody's: the first one is told at the
    end, for what is proven would not be there.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: BufferedWriter | None = None
        self._error: OSError | None = None

    def __enter__(self) -> Self:
        """Open it.

        Raises:
            AuditError: it cannot be written.
        """
        if self._path is not None:
            try:
                self._file = self._path.open("ab")
            except OSError as error:
                raise AuditError(f"{self._path}: {error.strerror}") from error
        return self

    def put(self, message: bytes) -> None:
        """Append a line."""
        if self._file is not None and self._error is None:
            try:
                self._file.write(message + b"\n")
            except OSError as error:
                self._error = error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it.

        Raises:
            AuditError: not everything that came is in it.
        """
        if self._file is not None:
            try:
                self._file.close()
            except OSError as failed:
                self._error = self._error or failed
        if self._error is not None and kind is None:
            raise AuditError(
                f"{self._path}: {self._error.strerror}; not everything that came is in it"
            ) from self._error


def _have(audit: Audit, path: Path) -> None:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                audit.have(line)
            except HeardError as error:
                raise AuditError(f"{path}:{number}: {error}") from error


async def _listened(audit: Audit, options: MqttOptions, wait_s: float) -> None:
    password = _password(options)
    listener = Listener(
        options,
        password,
        [f"{options.root}/v1/#"],
        lambda topic, payload, _is_retained: audit.hear(topic, payload, monotonic()),
    )
    try:
        await listener.start()
    except ListenError as error:
        raise AuditError(str(error)) from error
    try:
        await asyncio.sleep(wait_s)
        quiet_since_s = monotonic()
        while monotonic() - quiet_since_s < SETTLE_S or audit.waits:
            for topic, payload in audit.to_ask(monotonic()):
                listener.ask(topic, payload)
                quiet_since_s = monotonic()
            await asyncio.sleep(LOOK_EVERY_S)
    finally:
        await listener.stop()


def _password(options: MqttOptions) -> str | None:
    try:
        return secret(options.password) if options.password else None
    except (OSError, ValueError) as error:
        raise AuditError(f"password: {options.password} cannot be read: {error}") from error


# ------------------------------------------------------------------ in words


def is_well(found: Iterable[tuple[StationReport, Heard]]) -> bool:
    """Return whether everything that was asked for is proven, of at least one station."""
    verdicts = [report.is_complete and not heard.altered for report, heard in found]
    return bool(verdicts) and all(verdicts)


def documents(found: Iterable[tuple[StationReport, Heard]]) -> Iterator[dict[str, object]]:
    """Yield one JSON object a station."""
    for report, heard in found:
        yield {
            "station": report.station,
            "is_complete": report.is_complete and not heard.altered,
            "online": heard.online,
            "since": report.since,
            "upto": report.upto,
            "open_end": report.open_end,
            "epochs": [
                {
                    "epoch": epoch.epoch,
                    "events": epoch.events,
                    "end": epoch.end,
                    "is_running": epoch.is_running,
                    "orphaned": None if epoch.orphaned is None else str(epoch.orphaned),
                }
                for epoch in report.epochs
            ],
            "missing": [
                {
                    "epoch": gap.range.epoch,
                    "from": gap.range.first,
                    "to": gap.range.last,
                    "why": gap.why.value,
                }
                for gap in report.gaps
            ],
            "forks": [{"of": fork.of, "into": list(fork.into)} for fork in report.forks],
            "conflicts": list(report.conflicts),
            "broken": list(report.broken),
            "altered": heard.altered,
            "refused": {str(asked): why for asked, why in heard.refused.items()},
            "answers": not heard.is_silent,
        }
