"""Units, parts and packages in the words of EPCIS (D-131, D-132)."""

from __future__ import annotations

from agent.formats.epcis.common import (
    Document,
    Epcis,
    Settings,
    base,
    classes,
    ended,
    is_certain,
    possible,
    renamed,
)
from agent.formats.epcis.ids import is_class


def completed(event: Document, settings: Settings) -> list[Epcis] | None:
    """A unit went through a cycle; at its first station it begins."""
    if not event.get("unit") or not is_certain(event):
        return None
    unit = settings.ids.thing(event["unit"])
    found = [_commissioned(event, settings, unit)] if _is_born(event, settings) else []
    step, disposition = _step(event)
    seen = base(
        event,
        settings,
        "ObjectEvent",
        action="OBSERVE",
        epcList=[unit],
        bizStep=step,
        disposition=disposition,
    )
    seen["lineside:machine"] = event["machine"]
    seen["lineside:result"] = event["result"]
    seen |= _values(event)
    seen |= possible(event, settings)
    return [*found, seen]


def _is_born(event: Document, settings: Settings) -> bool:
    """Whether the unit gets its identity here."""
    if event.get("visit", 1) > 1:
        return False
    is_marked = bool(event.get("from_lot") or event.get("from_lots"))
    return is_marked or event["station"] in settings.commissions


def _commissioned(event: Document, settings: Settings, unit: str) -> Epcis:
    found = base(
        event,
        settings,
        "ObjectEvent",
        action="ADD",
        epcList=[unit],
        bizStep="commissioning",
        disposition="active",
    )
    lot = event.get("lot") or event.get("from_lot")
    if lot:
        found["ilmd"] = {"cbvmda:lotNumber": lot}
    return found


def _step(event: Document) -> tuple[str, str]:
    """Return the business step of a cycle and what the unit is after it."""
    is_ok = event["result"] == "ok"
    if event.get("visit", 1) > 1:
        return "repairing", "conformant" if is_ok else "non_conformant"
    if event.get("limits_result"):
        return "inspecting", "conformant" if is_ok else "non_conformant"
    return "other", "in_progress" if is_ok else "non_conformant"


def _values(event: Document) -> Epcis:
    """Return captured values, as text: a number's form is not the same everywhere."""
    found = {
        f"lineside:{value['name']}": str(value["value"])
        for value in event.get("values", ())
        if value.get("value") is not None
    }
    return {"lineside:values": found} if found else {}


def lots_of_unit(event: Document, settings: Settings, serials: set[str]) -> list[Epcis]:
    """Return the lots that are certainly in a unit; parts have events of their own."""
    lots = [
        name
        for use in event.get("components", ())
        if use["certainty"] == "certain"
        for name in use.get("candidates", ())
        if name not in serials and is_class(name) is not False
    ]
    if not lots or not event.get("unit") or not is_certain(event):
        return []
    return [
        base(
            event,
            settings,
            "AssociationEvent",
            action="ADD",
            parentID=settings.ids.thing(event["unit"]),
            childQuantityList=classes(lots, settings),
            bizStep="assembling" if _is_born(event, settings) else "installing",
        )
    ]


def installed(event: Document, settings: Settings) -> list[Epcis] | None:
    """A part with its own identity goes into a unit."""
    if not is_certain(event):
        return None
    return [_part(event, settings, "ADD", "installing")]


def removed(event: Document, settings: Settings) -> list[Epcis] | None:
    """A part comes out of a unit."""
    if not event.get("unit") or not is_certain(event):
        return None
    return [_part(event, settings, "DELETE", "removing")]


def _part(event: Document, settings: Settings, action: str, step: str) -> Epcis:
    ids = settings.ids
    return base(
        event,
        settings,
        "AssociationEvent",
        action=action,
        parentID=ids.thing(event["unit"]),
        childEPCs=[ids.thing(event["component"])],
        bizStep=step,
    )


def scrapped(event: Document, settings: Settings) -> list[Epcis]:
    """A unit is scrap: it ends, whether it was destroyed nobody said."""
    unit = settings.ids.thing(event["unit"])
    return [ended(event, settings, {"epcList": [unit]}, "inactive")]


def reidentified(event: Document, settings: Settings) -> list[Epcis]:
    """A unit gets another identity."""
    old, new = settings.ids.thing(event["unit"]), settings.ids.thing(event["new"])
    return renamed(event, settings, {"epcList": [old]}, {"epcList": [new]})


def packed(event: Document, settings: Settings) -> list[Epcis] | None:
    """Something goes into a package."""
    return [_aggregated(event, settings, "ADD", "packing")] if is_certain(event) else None


def unpacked(event: Document, settings: Settings) -> list[Epcis] | None:
    """Something comes out of a package; it is always named (D-132)."""
    return [_aggregated(event, settings, "DELETE", "unpacking")] if is_certain(event) else None


def _aggregated(event: Document, settings: Settings, action: str, step: str) -> Epcis:
    ids = settings.ids
    return base(
        event,
        settings,
        "AggregationEvent",
        action=action,
        parentID=ids.thing(event["parent"]),
        childEPCs=[ids.thing(event["child"])],
        bizStep=step,
    )
