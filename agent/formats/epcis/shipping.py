"""What leaves the house and comes back, in the words of EPCIS (D-131).

Who gets it is `destinationList`, who gives it back `sourceList`; never both in one event, so that
its hash is the same by every reading of their order (hashing.py).
"""

from __future__ import annotations

from typing import Any

from agent.formats.epcis.common import Document, Epcis, Settings, amount, base


def unit_shipped(event: Document, settings: Settings) -> list[Epcis]:
    """A unit or a parcel left."""
    return [_left(event, settings, {"epcList": [settings.ids.thing(event["unit"])]})]


def unit_returned(event: Document, settings: Settings) -> list[Epcis]:
    """A unit or a parcel is back."""
    return [_back(event, settings, {"epcList": [settings.ids.thing(event["unit"])]})]


def lot_issued(event: Document, settings: Settings) -> list[Epcis]:
    """A lot or a part of one left the house; what only left the lot stays in Lineside."""
    what: Epcis = {"quantityList": [amount(event, event, settings)]}
    return [_left(event, settings, what)] if event.get("shipped") else []


def lot_returned(event: Document, settings: Settings) -> list[Epcis]:
    """A lot or a part of one is in the house again."""
    what: Epcis = {"quantityList": [amount(event, event, settings)]}
    return [_back(event, settings, what)] if event.get("shipped") else []


def _left(event: Document, settings: Settings, what: Epcis) -> Epcis:
    found = _moved(event, settings, **what, bizStep="shipping", disposition="in_transit")
    _papers(found, event, settings, "desadv")
    if event.get("destination"):
        party = settings.ids.party(event["destination"])
        found["destinationList"] = [{"type": "possessing_party", "destination": party}]
    return found


def _back(event: Document, settings: Settings, what: Epcis) -> Epcis:
    found = _moved(event, settings, **what, bizStep="receiving", disposition="returned")
    _papers(found, event, settings, "rma")
    if event.get("origin"):
        party = settings.ids.party(event["origin"])
        found["sourceList"] = [{"type": "possessing_party", "source": party}]
    return found


def _moved(event: Document, settings: Settings, **fields: Any) -> Epcis:  # noqa: ANN401 - JSON
    """Return the observation; the order that the station works on has nothing to do with it."""
    about = {key: value for key, value in event.items() if key != "order"}
    return base(about, settings, "ObjectEvent", action="OBSERVE", **fields)


def _papers(found: Epcis, event: Document, settings: Settings, kind: str) -> None:
    if event.get("document"):
        document = settings.ids.document(event["document"])
        found["bizTransactionList"] = [{"type": kind, "bizTransaction": document}]
