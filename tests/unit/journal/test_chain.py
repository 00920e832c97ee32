"""Rows: sealed, linked, and proven from their own bytes."""

from hashlib import sha256

import orjson
import pytest

from agent.core.events import AgentStarted
from agent.formats.canonical import canonical
from agent.journal.chain import (
    BEGINNING,
    SEAL_LENGTH,
    follow,
    ordinal,
    ordinal_at,
    place,
    prove,
    seal,
    seq_at,
)
from agent.ports import Address
from tests.histories import History, epoch, make


def hashed(members: dict[str, object]) -> bytes:
    """Return a body with a hash that fits, whatever is in it."""
    text = canonical(members)
    return text[:-1] + b',"hash":"' + sha256(text).hexdigest().encode() + b'"}'


def test_a_body_is_the_canonical_json_with_its_hash_at_the_end() -> None:
    """Cut the hash off, and what is left is what was hashed."""
    row = seal(make(AgentStarted, Address(epoch(1), 1), version="1"), None)
    text = row.body[:-SEAL_LENGTH] + b"}"
    assert sha256(text).hexdigest() == row.hash
    assert text == canonical(orjson.loads(text))
    assert row.body.endswith(f',"hash":"{row.hash}"}}'.encode())


def test_the_first_row_has_no_predecessor_and_the_others_name_theirs() -> None:
    """`prev` is the hash before, over epochs, and absent in the very first."""
    history = History()
    history.start(1, carried=1)
    history.start(2)
    prevs = [orjson.loads(row.body).get("prev") for row in history.rows]
    assert prevs == [None, history.rows[0].hash, history.rows[1].hash]


def test_a_proven_row_knows_its_links() -> None:
    """What the walk needs is read from the proven bytes."""
    history = History()
    history.start(1, carried=2)
    history.start(2)
    found = [prove(row.body) for row in history.rows]
    assert [item and (item.row, item.previous, item.in_set, item.closes_set) for item in found] == [
        (history.rows[0], None, False, False),
        (history.rows[1], None, True, False),
        (history.rows[2], None, True, True),
        (history.rows[3], Address(epoch(1), 3), False, False),
    ]


@pytest.mark.parametrize(
    "body",
    [
        None,
        "text",
        5,
        b"",
        b"x" * SEAL_LENGTH,
        b"x" * 200,
        hashed({"kind": "x"}),
        hashed({"epoch": "x", "seq": 1, "kind": "k", "time": {"received": "yesterday"}}),
        hashed({"epoch": "x", "seq": 1, "kind": "k", "time": 5}),
    ],
)
def test_what_is_no_row_does_not_prove_itself(body: object) -> None:
    """Neither wrong types nor wrong hashes nor hashed nonsense pass, and nothing is raised."""
    assert prove(body) is None


def test_a_place_sorts_as_its_address_does() -> None:
    """One number stands for epoch and seq, and gives them back."""
    addresses = [Address(epoch(1), 7), Address(epoch(1), 2**39), Address(epoch(2), 1)]
    places = [place(address) for address in addresses]
    assert places == sorted(places)
    assert [(ordinal_at(at), seq_at(at)) for at in places] == [(1, 7), (1, 2**39), (2, 1)]
    assert ordinal("000042-9f3a1c7e") == 42


def test_a_chain_goes_on_in_order_and_into_the_next_epoch() -> None:
    """The end after rows is their last one; nothing follows nothing but a first row."""
    history = History()
    history.start(1)
    history.links(2)
    history.start(2)
    last = history.rows[-1]
    assert follow(BEGINNING, history.rows) == (epoch(2), 1, last.hash)
    assert follow(BEGINNING, []) == BEGINNING
    other = History()
    other.start(3)
    for end, row, message in (
        (BEGINNING, history.rows[1], f"{epoch(1)}-2 does not follow -0"),
        ((epoch(1), 1, ""), history.rows[2], f"{epoch(1)}-3 does not follow {epoch(1)}-1"),
        ((epoch(2), 5, ""), history.rows[0], f"{epoch(1)}-1 does not follow {epoch(2)}-5"),
        (
            (epoch(2), 1, last.hash),
            other.rows[0],
            f"{epoch(3)}-1 does not carry the hash of {epoch(2)}-1",
        ),
    ):
        with pytest.raises(ValueError, match=rf"^{message}$"):
            follow(end, [row])
