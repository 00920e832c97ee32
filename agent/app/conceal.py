"""Badges become pseudonyms as they come in, before anything stores or decides (D-63, D-64)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from agent.config.loaded import OperatorsConfig
from agent.core.identity.badge import key_id, pseudonym
from agent.core.identity.rules import looks_like_badge, operator_code
from agent.core.station import Station
from agent.ports import Random
from drivers.base import CodeScanned, FrameStatus

KEY_BYTES = 32
KEY_FILE = "operator.key"


class KeyMissingError(Exception):
    """The key of the pseudonyms cannot be read; the text says which and what to do."""


def operator_key(
    operators: OperatorsConfig, directory: Path, secret: Callable[[str], str], random: Random
) -> bytes:
    """Return the key for pseudonyms: the one referred to, or one made in the state directory.

    Raises:
        KeyMissingError: the reference leads nowhere, or the directory cannot be written.
    """
    if operators.key is not None:
        try:
            return secret(operators.key).encode()
        except (OSError, KeyError) as error:
            raise KeyMissingError(
                f"operators.key {operators.key}: cannot be read ({error}); "
                "make it, or leave the key out to have one made"
            ) from error
    path = directory / KEY_FILE
    try:
        if not path.exists():
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(random.token_hex(KEY_BYTES), "ascii")
        return path.read_text("ascii").strip().encode()
    except OSError as error:
        raise KeyMissingError(
            f"{path}: the operator key cannot be kept ({error.strerror}); "
            "let the agent's user write there"
        ) from error


def concealer(
    station: Station, operators: OperatorsConfig, key: bytes
) -> Callable[[CodeScanned], CodeScanned]:
    """Return what puts pseudonyms in the place of badges, and keeps nothing of a failed one."""
    name = key_id(key)

    def conceal(seen: CodeScanned) -> CodeScanned:
        if seen.status is FrameStatus.OK:
            badge = operator_code(seen.raw, station.scans, reference_date=_day(seen))
            if badge is not None:
                ref = badge if operators.mode == "clear" else f"{name}:{pseudonym(key, badge)}"
                return replace(seen, raw=b"", operator=ref)
        if looks_like_badge(seen.raw, station.scans):
            return replace(seen, raw=b"", hidden_length=len(seen.raw))
        return seen

    return conceal


def _day(seen: CodeScanned) -> date:
    local = datetime.fromtimestamp(seen.received.wall_ms / 1000, tz=UTC)
    return (local + timedelta(minutes=seen.received.offset_min)).date()
