"""Values with limits: what a cycle's values are worth, and with the machine's word its result.

Laws:
    1. Each value is recorded with the limits that it was judged by and with its verdict: ok, low,
       high, or unknown.
    2. What does not read GOOD is never ok: neither the value nor a set-point (D-96). A text is no
       number, and limits that contradict each other judge nothing.
    3. The machine's verdict and that of the limits are both recorded; the station says whose word
       is the result. By default both must say OK.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from agent.core import events as ev
from agent.core.bounds import Bound, Limit, ResultBy
from agent.core.state import Snapshot
from agent.core.station import Handshake, Station
from drivers.base import Quality, TagValue

_UNWANTED = (ev.Verdict.LOW, ev.Verdict.HIGH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a cycle comes to."""

    result: ev.Result
    machine: ev.Result | None
    """What the machine says; None: nothing that can be read."""
    limits: ev.Result | None
    """What the limits say; None: no value has any."""
    why: tuple[ev.Why, ...]
    """What of it is not simply so."""


def judgement(station: Station, handshake: Handshake, snapshot: Snapshot) -> Judgement:
    """Return the result of a cycle, with both words that it may come from."""
    machine, limits = machine_result(handshake, snapshot), _limits_result(handshake, snapshot)
    by = station.result_by if limits is not None else ResultBy.MACHINE
    words = {
        ResultBy.WORST: (machine, limits),
        ResultBy.MACHINE: (machine,),
        ResultBy.LIMITS: (limits,),
    }[by]
    is_ok = all(word is ev.Result.OK for word in words)
    why: tuple[ev.Why, ...] = ()
    if machine is None and by is not ResultBy.LIMITS:
        why = (ev.Why.VERDICT_UNKNOWN,)
    if by is not ResultBy.MACHINE:
        why += _why(handshake, snapshot)
    return Judgement(
        result=ev.Result.OK if is_ok else ev.Result.NOK,
        machine=machine if handshake.verdict is not None else None,
        limits=limits,
        why=why,
    )


def machine_result(handshake: Handshake, snapshot: Snapshot) -> ev.Result | None:
    """Return what the machine says of the unit; None: it cannot be read, which is no OK."""
    if handshake.verdict is None:
        return ev.Result.OK
    seen = snapshot.values[handshake.verdict]
    if seen.quality is not Quality.GOOD:
        return None
    return ev.Result.OK if seen.value else ev.Result.NOK


def _limits_result(handshake: Handshake, snapshot: Snapshot) -> ev.Result | None:
    if not handshake.limits:
        return None
    return ev.Result.NOK if _why(handshake, snapshot) else ev.Result.OK


def _why(handshake: Handshake, snapshot: Snapshot) -> tuple[ev.Why, ...]:
    """Return why the limits say NOK: a value beyond them, or one that is not known to be within."""
    found = {
        _verdict(limit, snapshot.values[limit.tag], _limits(limit, snapshot))[0]
        for limit in handshake.limits
        if limit.counts
    }
    why = (ev.Why.LIMIT_BREACHED,) if found.intersection(_UNWANTED) else ()
    return why + ((ev.Why.LIMIT_UNKNOWN,) if ev.Verdict.UNKNOWN in found else ())


def recorded(station: Station, handshake: Handshake, snapshot: Snapshot, tag: str) -> ev.Value:
    """Return a value as it is recorded, with its limits and its verdict where it has limits."""
    seen = snapshot.values[tag]
    limit = next((each for each in handshake.limits if each.tag == tag), None)
    limits = _limits(limit, snapshot) if limit is not None else None
    verdict, warning = (None, None)
    if limit is not None and limits is not None:
        verdict, warning = _verdict(limit, seen, limits)
    return ev.Value(
        name=seen.tag,
        value=seen.value,
        quality=seen.quality,
        code=seen.code or None,
        measure=station.units.get(seen.tag),
        source_ms=seen.source_ms,
        limits=limits,
        verdict=verdict,
        warning=warning,
    )


def _limits(limit: Limit, snapshot: Snapshot) -> ev.Limits:
    """Return the limits as they were at that moment."""
    read = {name: _number(bound, snapshot) for name, bound in limit.bounds}
    return ev.Limits(
        low=read.get("low"),
        high=read.get("high"),
        low_warn=read.get("low_warn"),
        high_warn=read.get("high_warn"),
        target=read.get("target"),
        unread=tuple(name for name, number in read.items() if number is None),
    )


def _number(bound: Bound, snapshot: Snapshot) -> int | float | None:
    return _plain(snapshot.values[bound]) if isinstance(bound, str) else bound


def _plain(seen: TagValue) -> int | float | None:
    """Return a value's number where it is one, and reads GOOD (D-96)."""
    value = seen.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if seen.quality is Quality.GOOD and isfinite(value) else None


def _verdict(
    limit: Limit, seen: TagValue, limits: ev.Limits
) -> tuple[ev.Verdict, ev.Verdict | None]:
    """Return what a value is, and on which side it comes near its limit."""
    value, low, high = _plain(seen), _bound(limits.low), _bound(limits.high)
    judged_by = {"low", "high"} & {name for name, _ in limit.bounds}
    contradictory = low is not None and high is not None and low > high
    if value is None or contradictory or judged_by.intersection(limits.unread):
        return ev.Verdict.UNKNOWN, None
    if low is not None and value < low:
        return ev.Verdict.LOW, None
    if high is not None and value > high:
        return ev.Verdict.HIGH, None
    low_warn, high_warn = _bound(limits.low_warn), _bound(limits.high_warn)
    if low_warn is not None and value < low_warn:
        return ev.Verdict.OK, ev.Verdict.LOW
    if high_warn is not None and value > high_warn:
        return ev.Verdict.OK, ev.Verdict.HIGH
    return ev.Verdict.OK, None


def _bound(number: object) -> int | float | None:
    return number if isinstance(number, int | float) else None
