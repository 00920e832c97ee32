"""What a mode must agree with, the plan that it comes down to, and how it is told back."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.model import Track
from agent.config.modes import ModeSection
from agent.config.parts import Parts
from agent.config.problems import Path
from agent.config.roles import handshakes
from agent.core.station import Mode, ModeTag, Station

_AT: Path = ("track", "mode")


def check_mode(parts: Parts, track: Track) -> None:
    """Note a mode that no cycle can have, and numbers that say nothing or two things."""
    section = track.mode
    if section is None:
        return
    if not handshakes(track):
        message = f"'{track.pair.strategy}' has no handshake, so no cycle has a mode"
        parts.refuse(_AT, message, "remove it", key=True)
        return
    tag = parts.tags.get(section.tag)
    for _, handshake in handshakes(track)[-1:]:
        trigger = parts.tags.get(handshake.trigger)
        home = trigger.section.device if trigger is not None else None
        if tag is not None and home is not None and tag.section.device != home:
            message = f"'{section.tag}' is on {tag.section.device}, the trigger on {home}"
            parts.refuse((*_AT, "tag"), message, "the mode is read with the cycle")
    _check_numbers(parts, section)


def _check_numbers(parts: Parts, section: ModeSection) -> None:
    """A number is one mode, and one of them is what production is."""
    if Mode.AUTOMATIC not in section.values:
        message = "nothing says which number is `automatic`"
        parts.refuse((*_AT, "values"), message, "add automatic: 1")
    seen: dict[int, Mode] = {}
    for mode, numbers in section.values.items():
        for number in numbers:
            first = seen.setdefault(number, mode)
            if first is not mode:
                message = f"{number} is {first.value} already"
                parts.refuse((*_AT, "values", mode.value), message, "a number is one mode")


def mode_of(section: ModeSection | None) -> ModeTag | None:
    """Return where the mode stands, and what its numbers mean."""
    if section is None:
        return None
    values = {number: mode for mode, numbers in section.values.items() for number in numbers}
    return ModeTag(tag=section.tag, values=values, bind=section.others == "bind")


def told(station: Station) -> Iterator[str]:
    """Yield what becomes of cycles in another mode, in plain words."""
    mode = station.mode
    if mode is None:
        return
    others = dict.fromkeys(each for each in mode.values.values() if each is not Mode.AUTOMATIC)
    names = ", ".join(each.value.replace("_", " ") for each in others) or "not automatic"
    becomes = "bound, and says its mode" if mode.bind else "recorded, bound to no unit"
    yield f"a cycle that is {names} by '{mode.tag}' is {becomes}"
