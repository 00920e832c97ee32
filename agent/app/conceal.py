"""Badges become pseudonyms as they come in, before anything stores or decides (D-63, D-64)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from agent.config.loaded import OperatorsConfig
from agent.core.identity.badge import key_id, pseudonym
from agent.core.identity.rules import Badge, Means, badge_of, looks_like_badge
from agent.core.station import Station
from agent.journal.files import DiskFiles
from agent.journal.place import make_directory
from agent.ports import Random
from drivers.base import CodeScanned, FrameStatus, Instant

KEY_BYTES = 32
KEY_FILE = "operator.key"
_MADE = re.compile(rb"[0-9a-f]{%d}" % (2 * KEY_BYTES))
UNNAMED = "unnamed"
"""Who gives a command where the station records nobody (`operators.mode: none`)."""


class KeyMissingError(Exception):
    """The key of the pseudonyms cannot be read; the text says which and what to do."""


def operator_key(
    operators: OperatorsConfig, directory: Path, secret: Callable[[str], str], random: Random
) -> bytes:
    """Return the key for pseudonyms: the one referred to, or one made in the state directory.

    Raises:
        KeyMissingError: the reference leads nowhere, the key is empty, or the directory cannot be
            written.
    """
    if operators.key is not None:
        try:
            key = secret(operators.key)
        except (OSError, ValueError) as error:
            cause = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise KeyMissingError(
                f"operators.key {operators.key}: cannot be read ({cause}); "
                "make it, or leave the key out to have one made"
            ) from error
        return _proven(key, f"operators.key {operators.key}")
    path = directory / KEY_FILE
    try:
        if not path.exists() and not path.is_symlink():  # a link that leads nowhere is no new one
            _make(path, random.token_hex(KEY_BYTES))
        return _own(path)
    except (OSError, ValueError) as error:
        cause = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise KeyMissingError(
            f"{path}: the operator key cannot be kept ({cause}); "
            "let the agent's user write there, and see that the disk has space"
        ) from error


def known_key(
    operators: OperatorsConfig, directory: Path, secret: Callable[[str], str]
) -> bytes | None:
    """Return the key for pseudonyms where there is one already; nothing is written."""
    path = directory / KEY_FILE
    try:
        if operators.key is not None:
            return _proven(secret(operators.key), operators.key)
        return _own(path)
    except (OSError, ValueError, KeyMissingError):
        return None


def _proven(key: str, source: str) -> bytes:
    """Return the key; an empty one would make pseudonyms that anyone can take back."""
    if not key.strip():
        raise KeyMissingError(
            f"{source}: the key is empty; put in a secret of {KEY_BYTES} random bytes"
        )
    return key.strip().encode()


def _own(path: Path) -> bytes:
    """Return the key that was made here; with a part of it everybody would get another pseudonym.

    Raises:
        KeyMissingError: it is not as it was made.
        OSError, ValueError: it cannot be read.
    """
    key = _proven(path.read_text("ascii"), str(path))
    if not _MADE.fullmatch(key):
        raise KeyMissingError(
            f"{path}: not as it was made ({2 * KEY_BYTES} hexadecimal digits): put its backup "
            "back; remove it only if everybody is to have another pseudonym from now on"
        )
    return key


def _make(path: Path, key: str) -> None:
    """Make the key file whole or not at all, for its owner alone."""
    files, beside = DiskFiles(), path.with_suffix(".new")
    make_directory(path.parent)
    files.remove(beside)
    files.create(beside, key.encode("ascii"))
    files.replace(beside, path)


def concealer(
    station: Station, operators: OperatorsConfig, key: bytes
) -> Callable[[CodeScanned], CodeScanned]:
    """Return what puts pseudonyms in the place of badges, and keeps nothing of a failed one.

    Where nobody is to be recorded (`none`), every badge is as one that failed.
    """
    name = key_id(key)
    badges = tuple(rule for rule in station.scans if rule.means is Means.OPERATOR)

    def conceal(seen: CodeScanned) -> CodeScanned:
        if not badges:
            return seen
        if seen.status is FrameStatus.OK:
            badge = badge_of(seen.raw, badges, reference_date=seen.received.day)
            if badge is not None and operators.mode == "none":
                return replace(seen, raw=b"", hidden_length=len(seen.raw))
            if badge is not None:
                clear = operators.mode == "clear"
                ref = badge.code if clear else f"{name}:{pseudonym(key, badge.code)}"
                return replace(seen, raw=b"", operator=ref, role=role_of(badge, operators))
        if looks_like_badge(seen.raw, badges):
            return replace(seen, raw=b"", hidden_length=len(seen.raw))
        return seen

    return conceal


def person_of(
    station: Station, operators: OperatorsConfig, key: bytes
) -> Callable[[str, Instant], str]:
    """Return what says how a person who gives a command is recorded.

    A badge, as scanned or bare, is the same reference as at the reader; so is a name, by itself.
    """

    def person(text: str, at: Instant) -> str:
        if not text or operators.mode == "none":
            return text and UNNAMED
        raw = text.encode(errors="surrogatepass")
        badge = badge_of(raw, station.scans, reference_date=at.day)
        name = badge.code if badge is not None else text
        return name if operators.mode == "clear" else f"{key_id(key)}:{pseudonym(key, name)}"

    return person


def role_of(badge: Badge, operators: OperatorsConfig) -> str | None:
    """Return the role in which a badge signs on: its rule's, or that of its number's beginning."""
    by_number = (
        role
        for role, heads in operators.roles.items()
        if any(badge.code.startswith(head) for head in heads)
    )
    return badge.role or next(by_number, None)
