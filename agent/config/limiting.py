"""What limits must agree with, the plan that they come down to, and how they are told back."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.limits import SetPoint
from agent.config.model import Handshake, Track
from agent.config.parts import Parts
from agent.config.problems import Path, did_you_mean, shown
from agent.config.roles import NUMBERS, handshakes, holds
from agent.core.bounds import Bound, Limit, ResultBy
from agent.core.station import Outcome, Station


def check_limits(parts: Parts, track: Track) -> None:
    """Note limits of what is not recorded, or is no number, and set-points read elsewhere."""
    recorded = {tag: each for _, each in handshakes(track) for tag in each.values}
    for name, section in track.limits.items():
        at: Path = ("track", "limits", name)
        handshake = recorded.get(name)
        if handshake is None:
            message = f"{shown(name)} is not recorded: it is in no handshake's `values`"
            hint = did_you_mean(name, recorded) or "add it there"
            parts.refuse(at, message, hint, key=True)
            continue
        tag = parts.tags.get(name)
        kind = holds(tag) if tag is not None and tag.address is not None else None
        if kind is not None and kind not in NUMBERS:
            parts.refuse(at, f"'{name}' holds a {kind}, and only numbers have limits", key=True)
        for key, bound in section.bounds.items():
            if isinstance(bound, SetPoint):
                _check_home(parts, (*at, key, "tag"), handshake, bound)
        if track.result_by is ResultBy.MACHINE and "breach" in section.model_fields_set:
            message = "with `result_by: machine` no limit makes a unit NOK"
            parts.refuse((*at, "breach"), message, "remove it", key=True)
    _check_result_by(parts, track)


def _check_home(parts: Parts, at: Path, handshake: Handshake, bound: SetPoint) -> None:
    """A set-point is read in the snapshot of its value."""
    tag, trigger = parts.tags.get(bound.tag), parts.tags.get(handshake.trigger)
    if tag is None or trigger is None or tag.section.device == trigger.section.device:
        return
    message = f"'{bound.tag}' is on {tag.section.device}, the trigger on {trigger.section.device}"
    parts.refuse(at, message, "a set-point is read with the cycle")


def _check_result_by(parts: Parts, track: Track) -> None:
    """Whose word it is matters only where there are two."""
    if "result_by" not in track.model_fields_set:
        return
    at: Path = ("track", "result_by")
    if not track.limits:
        parts.refuse(at, "no value has limits", "remove it, or add `limits`", key=True)
        return
    verdicts = [each.verdict for _, each in handshakes(track)]
    verdicts += [cavity.verdict for cavity in track.pair.cavities.values()]
    if track.result_by is ResultBy.MACHINE and not any(verdicts):
        parts.refuse(at, "the machine says nothing: no `verdict` is named", "name its tag")


def limits_of(track: Track, handshake: Handshake) -> tuple[Limit, ...]:
    """Return the limits of a handshake's values, as the core has them."""
    return tuple(
        Limit(
            tag=name,
            counts=section.breach == "nok",
            **{
                key: bound.tag if isinstance(bound, SetPoint) else bound
                for key, bound in section.bounds.items()
            },
        )
        for name, section in track.limits.items()
        if name in handshake.values
    )


def told(station: Station) -> Iterator[str]:
    """Yield what each value may be, and whose word the result is, in plain words."""
    limits = {each.tag: each for handshake in station.handshakes for each in handshake.limits}
    nok = f"makes it NOK, answer {station.outcome_code(Outcome.STORED_NOK)}"
    for limit in limits.values():
        counts = limit.counts and station.result_by is not ResultBy.MACHINE
        beyond = nok if counts else "is recorded"
        yield f"{limit.tag} {_range(station, limit)}{_near(limit)}; beyond, or not known, {beyond}"
    if limits:
        yield f"the result is {_BY[station.result_by]}"


_BY = {
    ResultBy.WORST: "OK where the machine and the limits both say so",
    ResultBy.MACHINE: "the machine's word; that of the limits is recorded",
    ResultBy.LIMITS: "the word of the limits; the machine's is recorded",
}


def _range(station: Station, limit: Limit) -> str:
    unit = f" {station.units[limit.tag]}" if limit.tag in station.units else ""
    if limit.low is not None and limit.high is not None:
        return f"from {_said(limit.low)} to {_said(limit.high)}{unit}"
    if limit.low is not None:
        return f"from {_said(limit.low)}{unit}"
    return f"up to {_said(limit.high)}{unit}"


def _near(limit: Limit) -> str:
    ends = (("below", limit.low_warn), ("above", limit.high_warn))
    said = " and ".join(f"{side} {_said(bound)}" for side, bound in ends if bound is not None)
    return f", warned {said}" if said else ""


def _said(bound: Bound | None) -> str:
    return f"'{bound}'" if isinstance(bound, str) else str(bound)
