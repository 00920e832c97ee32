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
    base,
    classes,
    is_certain,
    possible,
    renamed,
)
from agent.formats.epcis.ids import is_class

_UNITS = {
    "kg": "KGM",
    "g": "GRM",
    "mg": "MGM",
    "t": "TNE",
    "l": "LTR",
    "ml": "MLT",
    "m": "MTR",
    "mm": "MMT",
    "cm": "CMT",
    "m2": "MTK",
    "m3": "MTQ",
}
"""Units of measure that we know the UN/CEFACT code of."""


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
    made = _amount({"lot": event["lot"], "quantity": event.get("quantity")}, event, settings)
    return [_transformed(event, settings, event["parents"], [made])]


def split(event: Document, settings: Settings) -> list[Epcis]:
    """A lot becomes several."""
    children = [_amount(child, event, settings) for child in event["children"]]
    return [_transformed(event, settings, [{"lot": event["lot"]}], children)]


def _transformed(
    event: Document, settings: Settings, parents: Iterable[Document], made: list[Epcis]
) -> Epcis:
    return base(
        event,
        settings,
        "TransformationEvent",
        inputQuantityList=[_amount(parent, event, settings) for parent in parents],
        outputQuantityList=made,
        bizStep="commissioning",
    )


def _amount(amount: Document, event: Document, settings: Settings) -> Epcis:
    """Return a lot and how much of it; in a unit that we know no code of, only the lot."""
    found: Epcis = {"epcClass": settings.ids.lot(amount["lot"])}
    measure, quantity = event.get("measure"), amount.get("quantity")
    code = _UNITS.get(str(measure).lower())
    if quantity is not None and (measure is None or code is not None):
        number = float(quantity)
        found["quantity"] = int(number) if number.is_integer() else number
        if code is not None:
            found["uom"] = code
    return found


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
