"""The core's own `replace` is the library's, only faster."""

import dataclasses
from collections.abc import Hashable

import pytest

from agent.core import binder
from agent.core.anew import replace
from agent.core.events import LinkLost
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.state import Working
from agent.core.station import Pairing, Strategy
from agent.ports import Address
from drivers.base import Quality, TagValue
from tests.core_rig import PRESS
from tests.histories import epoch, make


@dataclasses.dataclass(frozen=True, slots=True)
class One:
    """A record of one field, which holds more than one thing."""

    word: str


@dataclasses.dataclass(frozen=True, slots=True)
class Two:
    """A record of two fields."""

    word: str
    number: int = 0


RECORDS: tuple[tuple[Hashable, dict[str, object]], ...] = (
    (binder.initial(PRESS), {"seq": 7, "epoch": "000002-bb"}),
    (Working(), {"stopping": True}),
    (One("ab"), {}),
    (One("ab"), {"word": "cd"}),
    (Two("ab"), {"number": 1}),
    (PRESS, {}),
    (Pairing(strategy=Strategy.TAG, window_ms=1, settle_ms=2), {"window_ms": 3}),
    (TagValue(tag="t", value=1.0, quality=Quality.GOOD), {"value": 2.0}),
    (make(LinkLost, Address(epoch(1), 1), device="plc", reason="cut"), {"seq": 2}),
    (ScanRule(match=RegexMatch(pattern="A"), means=Means.UNIT), {"match": RegexMatch(pattern="B")}),
)


@pytest.mark.parametrize(("record", "changes"), RECORDS, ids=lambda each: type(each).__name__)
def test_it_makes_what_the_library_makes(record: Hashable, changes: dict[str, object]) -> None:
    """Slots or none, with checks of their own or without: an equal record, and a new one."""
    made = replace(record, **changes)  # type: ignore[type-var]  # a record, of whatever sort
    assert made == dataclasses.replace(record, **changes)  # type: ignore[type-var]  # the same
    assert type(made) is type(record)
    assert made is not record


def test_a_field_that_is_none_is_refused() -> None:
    """A name that the record does not have is a bug of the caller, not a new attribute."""
    with pytest.raises(KeyError, match="stoping"):
        replace(Working(), stoping=True)  # type: ignore[call-arg]  # mypy says so too
