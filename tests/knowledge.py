"""What a perfect look-up would say of a station's events: how the rig answers the core."""

from collections.abc import Sequence
from typing import Any

from agent.core.events import (
    ComponentInstalled,
    Event,
    EventCorrected,
    UnitCompleted,
    UnitEvent,
    UnitPacked,
    UnitReidentified,
    UnitReworked,
    UnitScrapped,
)
from agent.formats.json import document, subject
from agent.lookups import Placed, code_of, home_of
from drivers.base import EventSeen


def standing(events: Sequence[Event]) -> list[Event]:
    """Return the events that no correction by a person supersedes, one that stands itself."""
    dead: set[str] = set()
    left = []
    for event in reversed(events):
        if event.address in dead:
            continue
        if isinstance(event, EventCorrected) and (event.replacement or event.retracted):
            dead |= set(event.supersedes)
        left.append(event)
    return left[::-1]


def of_unit(events: Sequence[Event], unit: str, handshake: str) -> dict[str, Any]:
    """Return what is known of a unit, as `AskAnswered` has it."""
    known = standing(events)
    here = [e for e in known if isinstance(e, UnitEvent) and e.unit == unit]
    seen = [e for e in here if handshake in {"", e.handshake}]
    done = [e.seq for e in here if isinstance(e, UnitCompleted)]
    results = [e.result for e in here if isinstance(e, UnitCompleted)]
    again = [e.seq for e in known if isinstance(e, UnitReworked) and e.unit == unit]
    other = [e.new for e in known if isinstance(e, UnitReidentified) and e.unit == unit]
    return {
        "seen_at": seen[-1].address if seen else None,
        "seen_kind": seen[-1].kind if seen else None,
        "visits": len(done),
        "done_result": str(results[-1]) if results else None,
        "scrapped": any(isinstance(e, UnitScrapped) and e.unit == unit for e in known),
        "reworked": bool(again) and again[-1] > max(done, default=0),
        "renamed_to": other[-1] if other else None,
    }


def _moved(events: Sequence[Event], code: str) -> Placed | None:
    """Return the newest event that says where a component or a child is."""
    found = [e for e in standing(events) if isinstance(e, Placed) and code_of(e) == code]
    return found[-1] if found else None


def home(events: Sequence[Event], code: str) -> str | None:
    """Return what a component or a child is in."""
    last = _moved(events, code)
    return home_of(last) if last is not None else None


def of_component(events: Sequence[Event], component: str) -> dict[str, Any]:
    """Return where a serial component is, as `AskAnswered` has it."""
    last = _moved(events, component)
    return {
        "seen_at": last.address if last else None,
        "installed_in": home_of(last) if last else None,
        "position": last.position if isinstance(last, ComponentInstalled) else None,
    }


def of_package(events: Sequence[Event], code: str) -> dict[str, Any]:
    """Return what something is in and what is in it, as `AskAnswered` has it."""
    way, out = [code], home(events, code)
    while out is not None and out not in way:
        way.append(out)
        out = home(events, out)
    moved = dict.fromkeys(code_of(event) for event in events if isinstance(event, Placed))
    inside = [each for each in moved if home(events, each) == code]
    children = tuple(each for each in inside if isinstance(_moved(events, each), UnitPacked))
    components = tuple(each for each in inside if each not in children)
    return {"within": tuple(way[1:]), "contents": children, "components": components}


def of_event(events: Sequence[Event], address: str) -> EventSeen | None:
    """Return what is known of an event; None: there is none."""
    found = next((event for event in events if event.address == address), None)
    if found is None:
        return None
    corrections = [
        event
        for event in standing(events)
        if isinstance(event, EventCorrected) and address in event.supersedes
    ]
    return EventSeen(
        address=address,
        kind=found.kind,
        about=subject(document(found)),
        superseded_by=corrections[-1].address if corrections else None,
        supersedes=found.supersedes if isinstance(found, EventCorrected) else (),
        corrects=found.corrects if isinstance(found, EventCorrected) else None,
    )
