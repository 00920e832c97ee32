"""What a machine's state must agree with, the plan it comes down to, and how it is told back."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.model import Track
from agent.config.parts import Parts
from agent.config.problems import Path
from agent.config.quantities import duration_text
from agent.config.states import StateSection
from agent.core.packml import CATEGORIES
from agent.core.station import Category, StateSource, Station

_AT: Path = ("track", "state")
_WAYS = {
    "packml": ("numbering", "categories"),
    "word": ("values",),
    "run": ("fault",),
    "ideal": ("factor",),
}
"""Each way to see a state, and the keys that belong to it."""
_TAGS = ("packml", "word", "run", "fault", "reason")


def check_state(parts: Parts, track: Track) -> None:
    """Note a state that is seen in no way or in two, and keys of another way."""
    section = track.state
    if section is None:
        return
    ways = [way for way in _WAYS if getattr(section, way) is not None]
    if len(ways) != 1:
        found = f"{' and '.join(ways)} stand side by side" if ways else "nothing is watched"
        parts.refuse(_AT, f"{found}; give one of {', '.join(_WAYS)}", key=True)
        return
    (way,) = ways
    for other, keys in _WAYS.items():
        for key in keys if other != way else ():
            if key in section.model_fields_set:
                parts.refuse((*_AT, key), f"`{key}` needs `{other}`", "remove it", key=True)
    _check_way(parts, track, section)
    devices = {tag.section.device for tag in map(parts.tags.get, _named(track)) if tag is not None}
    if len(devices) > 1:
        message = f"its tags are on {' and '.join(sorted(devices))}"
        parts.refuse(_AT, message, "one device tells the state", key=True)


def _check_way(parts: Parts, track: Track, section: StateSection) -> None:
    if section.packml is not None and section.numbering is None:
        message = "PackML has two numberings, and nothing says which"
        parts.refuse((*_AT, "packml"), message, "add numbering: packtags, or opc30060")
    if section.word is not None and not section.values:
        parts.refuse((*_AT, "word"), "`word` needs `values`", "say which number is what")
    if section.ideal is not None and track.counter is None:
        parts.refuse((*_AT, "ideal"), "`ideal` needs `track.counter`", "or choose another way")
    seen: dict[int, str] = {}
    for category, numbers in section.values.items():
        for number in numbers:
            first = seen.setdefault(number, category)
            if first != category:
                message = f"{number} is {first} already"
                parts.refuse((*_AT, "values", category), message, "a number is one state")


def _named(track: Track) -> list[str]:
    """Return the tags that tell the state."""
    section = track.state
    if section is None:
        return []
    counter = [track.counter.tag] if section.ideal is not None and track.counter else []
    tags = [getattr(section, key) for key in _TAGS]
    return [*counter, *(tag for tag in tags if tag is not None)]


def state_of(parts: Parts, track: Track) -> StateSource | None:
    """Return where the machine's state is seen."""
    section = track.state
    if section is None:
        return None
    devices = [tag.section.device for tag in map(parts.tags.get, _named(track)) if tag is not None]
    own = {state.value: Category(name) for state, name in section.categories.items()}
    usual = {state: CATEGORIES[state] for state in map(str, CATEGORIES)}
    return StateSource(
        device=devices[0],
        word=section.packml or section.word,
        numbering=section.numbering,
        categories={**usual, **own} if section.packml is not None else {},
        values={n: Category(name) for name, numbers in section.values.items() for n in numbers},
        run=section.run,
        fault=section.fault,
        quiet_ms=(section.ideal or 0) * section.factor,
        reason=section.reason,
    )


def told(station: Station) -> Iterator[str]:
    """Yield how the machine's state is seen, in plain words."""
    plan = station.state
    if plan is None:
        return
    reason = f", why by '{plan.reason}'" if plan.reason else ""
    if plan.word is not None:
        numbers = f"PackML, {plan.numbering.value}" if plan.numbering else "numbers of its own"
        yield f"what the machine does by '{plan.word}' ({numbers}){reason}"
    elif plan.run is not None:
        fault = f" and '{plan.fault}'" if plan.fault else ""
        yield f"what the machine does by '{plan.run}'{fault}{reason}"
    else:
        quiet = duration_text(plan.quiet_ms)
        yield f"the machine as stopped after {quiet} without a cycle{reason}"
