"""Which tag of a station file does what: every role with its place, and what it asks of its tag."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum, unique

from agent.config.granular import ProductSource
from agent.config.limits import SetPoint
from agent.config.model import FromTag, Handshake, Track
from agent.config.parts import Tag
from agent.config.problems import Path
from drivers.options import Options


@unique
class Holds(StrEnum):
    """What sort of value a tag holds, as far as its address says."""

    BIT = "bool"
    WHOLE = "whole number"
    REAL = "real number"
    TEXT = "text"


_BIT_LIKE = frozenset({Holds.BIT, Holds.WHOLE})
NUMBERS = frozenset({Holds.WHOLE, Holds.REAL})
_ANY = frozenset(Holds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One use of one tag."""

    name: str
    """`trigger`, `result`, …"""
    tag: str
    path: Path
    holds: frozenset[Holds] = _ANY
    written: bool = False
    """Whether the agent writes it."""
    wraps: bool = False
    """Whether it must declare its modulus."""
    own: bool = True
    """Whether the agent must not be declared to write it: the PLC does."""


@dataclass(frozen=True, slots=True)
class _Ask:
    holds: frozenset[Holds] = _ANY
    written: bool = False
    wraps: bool = False
    own: bool = True


_WHOLE = frozenset({Holds.WHOLE})
_HANDSHAKE: dict[str, _Ask] = {
    "trigger": _Ask(_BIT_LIKE),
    "request": _Ask(_WHOLE, wraps=True),
    "guard": _Ask(),
    "values": _Ask(own=False),
    "unit": _Ask(frozenset({Holds.TEXT, Holds.WHOLE})),
    "carrier": _Ask(frozenset({Holds.TEXT, Holds.WHOLE})),
    "verdict": _Ask(_BIT_LIKE),
    "abort": _Ask(_BIT_LIKE),
    "result": _Ask(_WHOLE, written=True),
    "result_request": _Ask(_WHOLE, written=True),
    "ack": _Ask(_BIT_LIKE, written=True),
}
_CAVITY: dict[str, _Ask] = {
    "tag": _Ask(frozenset({Holds.TEXT, Holds.WHOLE})),
    "verdict": _Ask(_BIT_LIKE),
}
_QUEUE: dict[str, _Ask] = {"inside": _Ask(_WHOLE), "clear": _Ask(_BIT_LIKE)}
_READY: dict[str, _Ask] = {
    "ready": _Ask(_BIT_LIKE, written=True),
    "reason": _Ask(_WHOLE, written=True),
    "text": _Ask(frozenset({Holds.TEXT}), written=True),
}
_BYPASS: dict[str, _Ask] = {"passed": _Ask(_WHOLE, wraps=True), "key": _Ask(_BIT_LIKE)}
_STATE: dict[str, _Ask] = {
    "packml": _Ask(_WHOLE),
    "word": _Ask(_WHOLE),
    "run": _Ask(_BIT_LIKE),
    "fault": _Ask(_BIT_LIKE),
    "reason": _Ask(),
}
_ORDER: dict[str, _Ask] = {"tag": _Ask(), "quantity": _Ask(_WHOLE), "product": _Ask()}
_ORDER_ROLES = {"tag": "order", "quantity": "order quantity", "product": "order product"}
_PACKING: dict[str, _Ask] = {"close": _Ask(_BIT_LIKE)}
_WATCH: dict[str, _Ask] = {
    "heartbeat": _Ask(_BIT_LIKE),
    "agent_heartbeat": _Ask(_BIT_LIKE, written=True),
    "boots": _Ask(_WHOLE),
    "memory_lost": _Ask(_WHOLE),
}


def holds(tag: Tag) -> Holds | None:
    """Return what a tag holds by its declared type; None where the device alone knows.

    Drivers declare it as `type` among the tag's options, in the words of their protocol.
    """
    kind = str(getattr(tag.address, "type", None) or "").lower()
    for prefix, found in _TYPES:
        if kind.startswith(prefix):
            return found
    return None


_TYPES = (
    ("bool", Holds.BIT),
    ("bit", Holds.BIT),
    ("int", Holds.WHOLE),
    ("uint", Holds.WHOLE),
    ("byte", Holds.WHOLE),
    ("sbyte", Holds.WHOLE),
    ("bcd", Holds.WHOLE),
    ("float", Holds.REAL),
    ("double", Holds.REAL),
    ("str", Holds.TEXT),
    ("text", Holds.TEXT),
)


def handshakes(track: Track) -> list[tuple[str, Handshake]]:
    """Return the handshakes by name, `begin` before `end`."""
    named = (("begin", track.begin), ("end", track.end))
    return [(name, handshake) for name, handshake in named if handshake is not None]


def roles_of(track: Track) -> list[Role]:
    """Return every use of a tag in `track`, in the order of the file's keys."""
    roles: list[Role] = []
    for name, handshake in handshakes(track):
        at: Path = ("track", name)
        roles.extend(_of(handshake, at, _HANDSHAKE))
        roles.extend(_of(handshake, at, _READY))
    for name, cavity in track.pair.cavities.items():
        roles.extend(_of(cavity, ("track", "pair", "cavities", name), _CAVITY))
    roles.extend(_of(track.pair, ("track", "pair"), _QUEUE))
    if track.ready is not None:
        named = {"ready": "tag", "reason": "reason", "text": "text"}
        for role, key in named.items():
            tag = getattr(track.ready, key)
            if tag is not None:
                roles.append(_role(role, tag, ("track", "ready", key), _READY[role]))
    roles.extend(_of_the_machine(track))
    roles.extend(_set_points(track))
    for name, level in track.packing.items():
        roles.extend(_of(level, ("track", "packing", name), _PACKING))
    return [*roles, *_sources(track)]


def _sources(track: Track) -> Iterator[Role]:
    """Yield where counts, lots and orders are read."""
    if track.counter is not None:
        ask = _Ask(_WHOLE, wraps=True)
        yield _role("counter", track.counter.tag, ("track", "counter", "tag"), ask)
    if isinstance(track.lot, FromTag):
        yield _role("lot", track.lot.tag, ("track", "lot", "tag"), _Ask())
    if isinstance(track.product, ProductSource) and track.product.tag is not None:
        yield _role("product", track.product.tag, ("track", "product", "tag"), _Ask())
    if track.order is not None:
        for role in _of(track.order, ("track", "order"), _ORDER):
            yield replace(role, name=_ORDER_ROLES[role.name])


def _set_points(track: Track) -> Iterator[Role]:
    """Yield the limits that are read from tags."""
    for name, section in track.limits.items():
        for key, bound in section.bounds.items():
            if isinstance(bound, SetPoint):
                at: Path = ("track", "limits", name, key, "tag")
                yield _role(f"limit of {name}", bound.tag, at, _Ask(NUMBERS, own=False))


def _of_the_machine(track: Track) -> Iterator[Role]:
    """Yield what the PLC says of itself beside its cycles."""
    if track.state is not None:
        for role in _of(track.state, ("track", "state"), _STATE):
            yield replace(role, name="state reason") if role.name == "reason" else role
    if track.bypass is not None:
        yield from _of(track.bypass, ("track", "bypass"), _BYPASS)
    if track.mode is not None:
        yield _role("mode", track.mode.tag, ("track", "mode", "tag"), _Ask(_BIT_LIKE))
    for device, watch in track.watch.items():
        yield from _of(watch, ("track", "watch", device), _WATCH)


def _of(section: Options, at: Path, asks: dict[str, _Ask]) -> Iterator[Role]:
    for key, ask in asks.items():
        value = getattr(section, key)
        if isinstance(value, tuple):
            for position, tag in enumerate(value):
                yield _role(key, tag, (*at, key, position), ask)
        elif value is not None:
            yield _role(key, value, (*at, key), ask)


def _role(name: str, tag: str, path: Path, ask: _Ask) -> Role:
    return Role(
        name=name,
        tag=tag,
        path=path,
        holds=ask.holds,
        written=ask.written,
        wraps=ask.wraps,
        own=ask.own,
    )
