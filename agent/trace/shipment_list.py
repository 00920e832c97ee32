"""Lists of what was shipped: a CSV of the system that ships, an ERP's or a warehouse's.

    unit;shipped;destination;document
    https://id.gs1.org/01/09521234000020/21/SN000007;2026-11-25T14:02:00+01:00;ACME Berlin;DN-77

A line is a unit or a parcel (`unit`), or a lot or a part of one (`lot`, `quantity`, `measure`),
which left (`shipped`) or came back (`returned`), or both. `party` is who got it or gave it back; so
is `destination`. A column that is not known is refused: what it says would be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from math import inf

from agent.trace.recorded import InterchangeError
from agent.trace.shipment import Shipment

COLUMNS = frozenset(
    {
        "unit",
        "lot",
        "quantity",
        "measure",
        "shipped",
        "returned",
        "destination",
        "party",
        "document",
    }
)
TELLING = frozenset({"shipped", "returned"})
"""Columns by which a list is known as one of shipments."""


def _is_number(text: str) -> bool:
    try:
        return Decimal(text) > 0
    except InvalidOperation:
        return False


Moment = Callable[[str, str, str, float], float]
"""Where, column, cell, what is meant where it is empty -> seconds."""


def shipments(rows: Iterable[tuple[str, Mapping[str, str]]], moment: Moment) -> Iterator[Shipment]:
    """Yield what the lines of a list say, each given with where it stands.

    Raises:
        InterchangeError: a line says nothing, or two things at once.
    """
    for where, cells in rows:
        unit, lot = cells.get("unit", ""), cells.get("lot", "")
        if bool(unit) == bool(lot):
            raise InterchangeError(f"{where}: write a unit or a lot in each line, not both")
        quantity = cells.get("quantity") or None
        if quantity and not lot:
            raise InterchangeError(f"{where}: quantity {quantity!r}; a unit has none")
        if quantity and not _is_number(quantity):
            raise InterchangeError(f"{where}: quantity {quantity!r}; write it as 12.5")
        times = [(column, cells.get(column, "")) for column in sorted(TELLING, reverse=True)]
        if not any(cell for _, cell in times):
            raise InterchangeError(f"{where}: say when it was shipped, or returned")
        for column, cell in times:
            if cell:
                yield Shipment(
                    thing=unit or lot,
                    at=moment(where, column, cell, inf),
                    is_back=column == "returned",
                    is_all=quantity is None,
                    quantity=quantity,
                    measure=cells.get("measure") or None,
                    party=cells.get("destination") or cells.get("party") or None,
                    document=cells.get("document") or None,
                )
