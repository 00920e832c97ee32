"""Events as JSON: names, what an unknown kind becomes, what an event is about."""

import orjson
import pytest

from agent.core.events import (
    AgentStopped,
    Certainty,
    CodeScanned,
    ComponentUse,
    Event,
    LinkLost,
    OperatorRef,
    Result,
    StateCarried,
    UnitCompleted,
    UnknownEvent,
    Value,
    Why,
)
from agent.formats.codec import FormatError
from agent.formats.json import decode, document, encode, subject
from agent.ports import Address
from drivers.base import Quality
from tests.histories import make

AT = Address("000042-9f3a1c7e", 90210)


def completed() -> Event:
    """Return the worked example of D-116."""
    return make(
        UnitCompleted,
        AT,
        order="WO-104711",
        operators=(OperatorRef(ref="k1:bedb4575d0b25d22"),),
        unit="https://id.gs1.org/01/09506000134352/21/LOT7-0042",
        cycle="c-88123",
        handshake="end",
        generation=1,
        visit=1,
        request=4711,
        answer=1,
        earliest_ms=5,
        latest_ms=6,
        result=Result.OK,
        certainty=Certainty.POSSIBLE,
        why=(Why.BOUNDARY_UNCERTAIN,),
        because=("000042-9f3a1c7e-90207",),
        values=(Value(name="force", value=12.0, quality=Quality.GOOD, measure="kN", source_ms=0),),
        components=(
            ComponentUse(
                position="F3",
                candidates=("LOT-A", "LOT-B"),
                certainty=Certainty.POSSIBLE,
                why=Why.BOUNDARY_UNCERTAIN,
            ),
        ),
    )


def test_an_event_is_written_flat_under_its_public_names() -> None:
    """The envelope and what the kind adds stand side by side (D-116)."""
    assert orjson.loads(encode(completed())) == {
        "epoch": "000042-9f3a1c7e",
        "seq": 90210,
        "kind": "unit_completed",
        "schema": 1,
        "station": "acme/graz/line-3/press-07",
        "config": "9c41",
        "time": {
            "received": "2026-12-01T10:03:30.000Z",
            "offset_min": 60,
            "boottime_ms": 90210000,
            "boot_id": "boot-1",
            "clock_state": "synced",
        },
        "machine": "press-07",
        "order": "WO-104711",
        "operators": [{"ref": "k1:bedb4575d0b25d22", "role": "operator"}],
        "certainty": "possible",
        "why": ["boundary_uncertain"],
        "because": ["000042-9f3a1c7e-90207"],
        "unit": "https://id.gs1.org/01/09506000134352/21/LOT7-0042",
        "cycle": "c-88123",
        "handshake": "end",
        "generation": 1,
        "visit": 1,
        "request": 4711,
        "answer": 1,
        "earliest_ms": 5,
        "latest_ms": 6,
        "result": "ok",
        "values": [
            {
                "name": "force",
                "value": 12,
                "quality": "good",
                "measure": "kN",
                "source": "1970-01-01T00:00:00.000Z",
            }
        ],
        "components": [
            {
                "position": "F3",
                "candidates": ["LOT-A", "LOT-B"],
                "certainty": "possible",
                "why": "boundary_uncertain",
            }
        ],
    }


def test_an_event_comes_back_as_it_was() -> None:
    """Decoding what was encoded gives an equal event."""
    assert decode(encode(completed())) == completed()


def test_an_unknown_kind_is_kept_whole() -> None:
    """An event of a later version comes back with its envelope and the same bytes (DESIGN 3)."""
    text = encode(make(LinkLost, AT, device="plc", reason="cut", why=(Why.NO_SCAN,)))
    later = text.replace(b'"link_lost"', b'"link_mended"').replace(b'"no_scan"', b'"new_word"')
    event = decode(later.replace(b'"certain"', b'"nearly"'))
    assert isinstance(event, UnknownEvent)
    assert (event.address, event.true_kind, event.true_schema) == (
        f"{AT}",
        "link_mended",
        1,
    )
    assert (event.why, event.certainty) == ((), Certainty.POSSIBLE)
    assert encode(event) == later.replace(b'"certain"', b'"nearly"')


def test_an_unknown_schema_is_kept_whole() -> None:
    """A known kind under another schema is not read by the rules of this one."""
    text = encode(make(AgentStopped, AT, reason="stop")).replace(b'"schema":1', b'"schema":2')
    event = decode(text)
    assert isinstance(event, UnknownEvent)
    assert (event.certainty, encode(event)) == (Certainty.CERTAIN, text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"kind":"x"}',
        b'{"kind":5,"schema":1}',
        b'{"kind":"x","schema":1}',
        b'{"kind":"link_lost","schema":1}',
    ],
)
def test_what_is_no_event_is_refused(text: bytes) -> None:
    """Neither JSON nor an object nor an envelope: an error that names it."""
    with pytest.raises(FormatError):
        decode(text)


def test_a_carried_state_may_hold_any_keys() -> None:
    """Free content takes the way of RFC 8785 where orjson writes it differently."""
    event = make(
        StateCarried,
        AT,
        part="p",
        part_schema=1,
        body={"\ufb33": 1e16, "\U0001f600": 2},
        last=True,
    )
    assert '"\U0001f600":2,"\ufb33":10000000000000000'.encode() in encode(event)
    assert decode(encode(event)) == event


@pytest.mark.parametrize(
    ("members", "about"),
    [
        ({"kind": "unit_completed", "unit": "u"}, "u"),
        ({"kind": "unit_unbound"}, None),
        ({"kind": "lot_counted", "lot": "l"}, "l"),
        ({"kind": "code_scanned", "means": "component", "code": "c", "lot": "l"}, "c"),
        ({"kind": "code_scanned", "means": "operator", "code": "k1:x"}, None),
        ({"kind": "scan_expired", "code": "c"}, "c"),
        ({"kind": "component_installed", "component": "c", "unit": "u"}, "c"),
        ({"kind": "component_removed", "component": "c"}, "c"),
        ({"kind": "later", "unit": 5}, None),
        ({"kind": "later", "lot": ""}, None),
    ],
)
def test_an_event_is_about_its_unit_or_lot(members: dict[str, object], about: str | None) -> None:
    """The subject is a unit or lot, never a person (D-64, D-116)."""
    assert subject(members) == about


def test_a_badge_leaves_no_subject() -> None:
    """A pseudonym is evidence in the event, not what the event is about."""
    event = make(
        CodeScanned,
        AT,
        device="scanner",
        means="operator",
        code="k1:bedb",
        earliest_ms=1,
        latest_ms=2,
        parser="1",
    )
    assert subject(document(event)) is None
