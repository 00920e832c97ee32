"""From what a sink delivered to what the proof of completeness needs of it.

Nothing is believed that does not verify: an event's hash is computed anew from what arrived, and
what the envelope repeats is held against it, so that a message altered on its way is told from the
event that it once was.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson

from agent.formats.canonical import EXACT, canonical
from agent.formats.cloudevents import copies
from agent.trace.claims import Answered, Link, Place, Stand

MOST_EPOCH = 64
"""Signs that an epoch's name may have."""
MOST_DEPTH = 64
"""Nothing of ours is nested as deep. Whoever may publish could end a reader that follows it."""


class HeardError(ValueError):
    """A message is none of ours, or was altered; the text says what is wrong with it."""


def event_of(message: bytes) -> Mapping[str, Any]:
    """Return a message's JSON: a CloudEvents envelope, or an event as stored.

    Raises:
        HeardError: it is neither.
    """
    members = object_of(message)
    data = members.get("data", members)
    if not isinstance(data, dict) or "hash" not in data:
        raise HeardError("no event")
    return members


def link_of(members: Mapping[str, Any]) -> Link:
    """Return what the proof needs of an event that arrived, its hash proven.

    Raises:
        HeardError: it is no event, or its content does not fit its hash.
    """
    data = members.get("data", members)
    try:
        prove(data)
        compare(members)
        starts = data["kind"] == "agent_started"
        before = data.get("previous_epoch") if starts else None
        lost = None
        if data["kind"] == "history_lost":
            lost = (_epoch(data["lost_epoch"]), int(data["first_seq"]), int(data["last_seq"]))
        return Link(
            station=str(data["station"]),
            epoch=_epoch(data["epoch"]),
            seq=int(data["seq"]),
            hash=data["hash"],
            prev=data.get("prev"),
            after=place_of(members["after"]) if "after" in members else None,
            starts=starts,
            previous=(_epoch(before), int(data["previous_seq"])) if before else None,
            previous_hash=data.get("previous_hash") if before else None,
            lost=lost,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise HeardError(_why(error)) from error


def stand_of(station: str, message: bytes) -> Stand:
    """Return what a retained `position` says.

    Raises:
        HeardError: it is none.
    """
    members = object_of(message)
    try:
        kept = members.get("first_kept")
        return Stand(
            station=station,
            epoch=_epoch(members["epoch"]),
            last_seq=_seq(members["last_seq"]),
            last_hash=_digest(members["last_hash"]),
            first_kept=place_of(kept) if kept else None,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise HeardError(_why(error)) from error


def answer_of(station: str, message: bytes) -> Answered | str:
    """Return what the end of a `resend` says: the range that was sent, or why it was refused.

    Raises:
        HeardError: it says neither.
    """
    members = object_of(message)
    try:
        if "refused" in members:
            return str(members["refused"])
        follows = members.get("follows")
        return Answered(
            station=station,
            epoch=_epoch(members["epoch"]),
            first=_seq(members["from"]),
            last=_seq(members["to"]),
            sent=_seq(members["sent"]) + len(members["unsent"]),
            is_filtered=bool(members["filtered"]),
            starts=follows is not None,
            previous=place_of(follows) if follows else None,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise HeardError(_why(error)) from error


def place_of(address: object) -> Place:
    """Return the epoch and the seq of `{epoch}-{seq}`.

    Raises:
        ValueError: it is no address.
    """
    epoch, _, seq = address.rpartition("-") if isinstance(address, str) else ("", "", "")
    if not seq.isdecimal():
        raise ValueError(f"{str(address)[:MOST_EPOCH]!r} is no address")
    return _epoch(epoch), _seq(int(seq))


def prove(data: Mapping[str, Any]) -> None:
    """Check that an event is the one that was hashed.

    Raises:
        HeardError: it was altered.
    """
    content = {name: value for name, value in data.items() if name != "hash"}
    if sha256(canonical(content)).hexdigest() != data["hash"]:
        raise HeardError(f"{data.get('epoch')}-{data.get('seq')}: its content is not its hash's")


def compare(members: Mapping[str, Any]) -> None:
    """Check that what stands beside an event is a copy from it (D-115): the hash covers only that.

    What is not there is not compared: an archive may keep less. Which member is the subject is not
    either: a later version may know more of that; it has to be one of them.

    Raises:
        HeardError: a copy was altered.
        KeyError: it is no event; AttributeError and TypeError say so too.
    """
    data = members.get("data")
    if data is None:
        return
    wrong = [name for name, value in copies(data).items() if members.get(name, value) != value]
    if "subject" in members and members["subject"] not in data.values():
        wrong.append("subject")
    if wrong:
        raise HeardError(f"{data['epoch']}-{data['seq']}: its `{wrong[0]}` is not that of its data")


def _epoch(name: object) -> str:
    """Return an epoch's name as it stands.

    Raises:
        ValueError: it is none.
    """
    if (
        not isinstance(name, str)
        or len(name) > MOST_EPOCH
        or not name.partition("-")[0].isdecimal()
    ):
        raise ValueError(f"{str(name)[:MOST_EPOCH]!r} is no epoch")
    return name


def _seq(value: object) -> int:
    """Return a place in an epoch, or a count, as agents write them.

    Raises:
        ValueError: it is none: nothing that is counted gets there.
    """
    if type(value) is not int or not 0 <= value < EXACT:
        raise ValueError(f"{str(value)[:MOST_EPOCH]} is no count")
    return value


def _digest(text: str) -> str:
    """Return a SHA-256 in its one form.

    Raises:
        ValueError: it is none.
    """
    number = int(text, 16)
    if not 0 <= number < 1 << 256:
        raise ValueError("is no hash")
    return f"{number:064x}"


def object_of(message: bytes) -> dict[str, Any]:
    """Return the JSON object that a message is.

    Raises:
        HeardError: it is none, or one that is nested too deep.
    """
    try:
        members = orjson.loads(message)
    except orjson.JSONDecodeError as error:
        raise HeardError(f"no JSON: {error}") from error
    if not isinstance(members, dict):
        raise HeardError("no JSON object")
    if message.count(b"[") + message.count(b"{") > MOST_DEPTH and _is_deep(members):
        raise HeardError("nested too deep")
    return members


def _is_deep(value: object) -> bool:
    """Whether a value is nested beyond `MOST_DEPTH`; looked at level by level."""
    level = [value]
    for _ in range(MOST_DEPTH):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return False
    return True


def _why(error: Exception) -> str:
    return f"lacks {error}" if isinstance(error, KeyError) else str(error)
