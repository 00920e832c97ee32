"""Lots and material in the words of EPCIS (D-131, D-132)."""

from __future__ import annotations

from collections.abc import Iterable

from agent.formats.epcis.common import (
    FEEDING,
    RELEASING,
    TAKING_OFF,
    Document,
    Epcis,
    Settings,
    amount,
    base,
    classes,
    is_certain,
    possible,
    renamed,
)
from agent.formats.epcis.ids import is_class


def counted(event: Document, settings: Settings) -> list[Epcis] | None:
    """Pieces of a lot: what they were made from, where that is known for certain."""
    if not event["n"]:
        return []
    if not event.get("lot") or not is_certain(event):
        return None
    made: Epcis = {"epcClass": settings.ids.lot(event["lot"]), "quantity": event["n"]}
    inputs = [
        name
        for use in event.get("components", ())
        if use["certainty"] == "certain"
        for name in use.get("candidates", ())
    ]
    if inputs:
        found = base(
            event,
            settings,
            "TransformationEvent",
            inputQuantityList=classes(inputs, settings),
            outputQuantityList=[made],
            bizStep="commissioning",
        )
    else:
        found = base(
            event,
            settings,
            "ObjectEvent",
            action="ADD",
            quantityList=[made],
            bizStep="creating_class_instance",
            disposition="active",
        )
    return [found | possible(event, settings)]


def loaded(event: Document, settings: Settings) -> list[Epcis]:
    """Material comes to a position: a place may be a parent."""
    lots = event.get("lots") or [event["lot"]]
    return [_at_position(event, settings, "ADD", FEEDING, lots)]


def unloaded(event: Document, settings: Settings) -> list[Epcis]:
    """Material leaves its position."""
    return [_at_position(event, settings, "DELETE", TAKING_OFF, [event["lot"]])]


def _at_position(
    event: Document, settings: Settings, action: str, step: str, lots: Iterable[str]
) -> Epcis:
    return base(
        event,
        settings,
        "AssociationEvent",
        action=action,
        parentID=settings.ids.location(event["station"], event["position"]),
        childQuantityList=classes(lots, settings),
        bizStep=step,
    )


def merged(event: Document, settings: Settings) -> list[Epcis]:
    """Lots become one."""
    made = amount({"lot": event["lot"], "quantity": event.get("quantity")}, event, settings)
    return [_transformed(event, settings, event["parents"], [made])]


def split(event: Document, settings: Settings) -> list[Epcis]:
    """A lot becomes several."""
    children = [amount(child, event, settings) for child in event["children"]]
    return [_transformed(event, settings, [{"lot": event["lot"]}], children)]


def _transformed(
    event: Document, settings: Settings, parents: Iterable[Document], made: list[Epcis]
) -> Epcis:
    return base(
        event,
        settings,
        "TransformationEvent",
        inputQuantityList=[amount(parent, event, settings) for parent in parents],
        outputQuantityList=made,
        bizStep="commissioning",
    )


def relabelled(event: Document, settings: Settings) -> list[Epcis]:
    """A lot gets another identity."""
    old, new = ({"quantityList": classes([event[key]], settings)} for key in ("lot", "new_lot"))
    return renamed(event, settings, old, new)


def blocked(event: Document, settings: Settings) -> list[Epcis]:
    """A lot or a part is held."""
    return [_held(event, settings, "holding")]


def unblocked(event: Document, settings: Settings) -> list[Epcis]:
    """A lot or a part is released."""
    return [_held(event, settings, RELEASING)]


def _held(event: Document, settings: Settings, step: str) -> Epcis:
    lot = event["lot"]
    what: Epcis = {"quantityList": classes([lot], settings)}
    if is_class(lot) is False:
        what = {"epcList": [settings.ids.thing(lot)]}
    return base(event, settings, "ObjectEvent", action="OBSERVE", **what, bizStep=step)
