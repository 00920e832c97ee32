"""What left the house, and what came back into it: one statement, of a station or of a list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent.trace.corrections import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """A unit, a parcel with all that is in it, or a lot or a part of one, left or is back."""

    thing: str
    at: float | None
    """Seconds of UTC; None: nobody says when."""
    is_back: bool = False
    is_all: bool = True
    """Of a lot: whether nothing of it is left here, or all of it is back."""
    quantity: str | None = None
    measure: str | None = None
    party: str | None = None
    """Who got it, or gave it back."""
    document: str | None = None


def of_event(event: Document, at: float) -> Iterator[Shipment]:
    """Yield what an event says of it; most say nothing."""
    kind = event["kind"]
    is_back = kind in {"unit_returned", "lot_returned"}
    party = event.get("origin") if is_back else event.get("destination")
    document = event.get("document")
    if kind in {"unit_shipped", "unit_returned"}:
        thing = event["unit"]
        yield Shipment(thing=thing, at=at, is_back=is_back, party=party, document=document)
    elif kind in {"lot_issued", "lot_returned"} and event.get("shipped"):
        quantity = event.get("quantity")
        yield Shipment(
            thing=event["lot"],
            at=at,
            is_back=is_back,
            is_all=quantity is None or (not is_back and event.get("remaining") == "0"),
            quantity=quantity,
            measure=event.get("measure"),
            party=party,
            document=document,
        )
