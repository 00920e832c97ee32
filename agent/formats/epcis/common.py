"""What the EPCIS events of units and of lots have in common: when, where, for which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.formats.epcis.ids import Ids, is_class

Document = Mapping[str, Any]
"""An event as it is stored: its public JSON."""
Epcis = dict[str, Any]
"""An event in the words of EPCIS."""

OWN = "urn:lineside:epcis:"
CONTEXT = {"lineside": OWN, "cbvmda": "urn:epcglobal:cbv:mda:"}
"""The namespaces of fields that are not EPCIS's own."""
DOCUMENT_CONTEXT = ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld", CONTEXT]
FEEDING, TAKING_OFF, RELEASING = f"{OWN}feeding", f"{OWN}takingOff", f"{OWN}releasing"
"""Business steps that the vocabulary has no word for (`loading` means a shipping conveyance)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a plant's events are told to others."""

    ids: Ids = field(default_factory=Ids)
    commissions: frozenset[str] = frozenset()
    """Stations, by path, at which units get their identity, beside those whose records say so."""


def base(event: Document, settings: Settings, kind: str, **fields: Any) -> Epcis:  # noqa: ANN401 - JSON
    """Return an EPCIS event about what happened: when, where, for which order."""
    time, station, ids = event["time"], event["station"], settings.ids
    line = station.rpartition("/")[0]
    found: Epcis = {
        "type": kind,
        "eventTime": time.get("source") or time["received"],
        "eventTimeZoneOffset": _offset(time["offset_min"]),
        **fields,
        "readPoint": {"id": ids.location(station)},
    }
    if line:
        found["bizLocation"] = {"id": ids.location(line)}
    if event.get("order"):
        order = {"type": "prodorder", "bizTransaction": ids.order(event["order"])}
        found["bizTransactionList"] = [order]
    found["lineside:event"] = f"{station}/{event['epoch']}-{event['seq']}"
    if event.get("corrected_by"):  # else it would have the eventID of one that was declared wrong
        found["lineside:correctedBy"] = list(event["corrected_by"])
    return found


def _offset(minutes: int) -> str:
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def is_certain(event: Document) -> bool:
    """Whether what an event says is certain."""
    return bool(event.get("certainty", "certain") == "certain")


def possible(event: Document, settings: Settings) -> Epcis:
    """Return what may be in the unit: an own field, never an association (D-132)."""
    found: Epcis = {}
    unknown = []
    for use in event.get("components", ()):
        if use["certainty"] == "certain":
            continue
        names = [_either(name, settings) for name in use.get("candidates", ())]
        if names:
            found[f"lineside:{use['position']}"] = names
        else:
            unknown.append(use["position"])
    return ({"lineside:possible": found} if found else {}) | (
        {"lineside:unknown": unknown} if unknown else {}
    )


def _either(name: str, settings: Settings) -> str:
    """Return the URI of a candidate, a lot or a part."""
    return settings.ids.thing(name) if is_class(name) is False else settings.ids.lot(name)


def classes(lots: Iterable[str], settings: Settings) -> list[Epcis]:
    """Return lots as classes, each once, of whatever quantity."""
    return [{"epcClass": settings.ids.lot(lot)} for lot in dict.fromkeys(lots)]


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


def amount(of: Document, event: Document, settings: Settings) -> Epcis:
    """Return a lot and how much of it; in a unit that we know no code of, only the lot."""
    found: Epcis = {"epcClass": settings.ids.lot(of["lot"])}
    measure, quantity = event.get("measure"), of.get("quantity")
    code = _UNITS.get(str(measure).lower())
    if quantity is not None and (measure is None or code is not None):
        number = float(quantity)
        found["quantity"] = int(number) if number.is_integer() else number
        if code is not None:
            found["uom"] = code
    return found


def ended(event: Document, settings: Settings, what: Epcis, disposition: str) -> Epcis:
    """Return the end of what an event is about."""
    return base(
        event,
        settings,
        "ObjectEvent",
        action="DELETE",
        **what,
        bizStep="decommissioning",
        disposition=disposition,
    )


def renamed(event: Document, settings: Settings, old: Epcis, new: Epcis) -> list[Epcis]:
    """Return one thing's old identity ended and its new one begun, each naming the other."""
    begun = base(
        event,
        settings,
        "ObjectEvent",
        action="ADD",
        **new,
        bizStep="commissioning",
        disposition="active",
    )
    over = ended(event, settings, old, "inactive")
    return [
        {**over, "lineside:aliasOf": _first(new)},
        {**begun, "lineside:aliasOf": _first(old)},
    ]


def _first(what: Epcis) -> str:
    """Return the one id of a list of things or of classes."""
    epcs = what.get("epcList")
    return str(epcs[0] if epcs else what["quantityList"][0]["epcClass"])
