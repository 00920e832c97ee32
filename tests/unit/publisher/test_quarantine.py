"""The quarantine keeps the event itself, once, on the disk."""

from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from agent.formats.canonical import canonical
from agent.ports import Address, Delivery, Row
from agent.publisher import Quarantine
from agent.publisher.quarantine import ask_release, held_in, release_path
from tests.doubles import EPOCH, MORNING_MS, InlineWorker, ManualClock, event_row


def _quarantine(path: Path) -> Quarantine:
    return Quarantine(path, InlineWorker(), ManualClock())


async def test_an_event_is_kept_whole(tmp_path: Path) -> None:
    """Address, cause and the body, byte for byte, can be read back."""
    row = event_row(7)
    await _quarantine(tmp_path / "plant.jsonl").put(row, "too large")
    (line,) = (tmp_path / "plant.jsonl").read_bytes().splitlines()
    entry = orjson.loads(line)
    assert entry.pop("body").encode() == row.body
    assert entry.pop("digest") == sha256(f"{EPOCH}-7 ".encode() + row.body).hexdigest()
    assert entry == {
        "epoch": row.epoch,
        "seq": 7,
        "kind": "unit_completed",
        "cause": "too large",
        "wall_ms": MORNING_MS,
    }


async def test_an_event_put_again_is_not_kept_twice(tmp_path: Path) -> None:
    """Whether in this run or after a restart: one line an event."""
    path = tmp_path / "plant.jsonl"
    one = _quarantine(path)
    await one.put(event_row(7), "too large")
    await one.put(event_row(7), "too large")
    await one.put(event_row(8), "too large")
    await _quarantine(path).put(event_row(8), "too large")
    assert len(path.read_bytes().splitlines()) == 2


async def test_a_body_that_is_no_text_is_kept_readable(tmp_path: Path) -> None:
    """Even bytes that are no UTF-8, or hold line ends, make one line of JSON."""
    whole = event_row(7)
    broken = Row(
        epoch=whole.epoch,
        seq=7,
        kind="x",
        unit=None,
        wall_ms=0,
        body=b"\xff\n{",
        hash=whole.hash,
    )
    await _quarantine(tmp_path / "plant.jsonl").put(broken, "no event")
    (line,) = (tmp_path / "plant.jsonl").read_bytes().splitlines()
    assert orjson.loads(line)["body"] == "\\xff\n{"


async def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """Whoever puts learns that it was not kept."""
    with pytest.raises(FileNotFoundError):
        await _quarantine(tmp_path / "no" / "plant.jsonl").put(event_row(7), "too large")


async def test_what_is_asked_for_is_returned_once(tmp_path: Path) -> None:
    """A question is answered with the event as it was, and forgotten; other addresses are none."""
    path = tmp_path / "plant.jsonl"
    quarantine = _quarantine(path)
    await quarantine.put(event_row(7), "too large", Address(EPOCH, 3))
    await quarantine.put(event_row(8), "too large")
    assert await quarantine.asked() == []
    ask_release(path, [Address(EPOCH, 7), Address(EPOCH, 99)])
    (delivery,) = await quarantine.asked()
    assert isinstance(delivery, Delivery)
    assert (delivery.row.body, delivery.after) == (event_row(7).body, Address(EPOCH, 3))
    assert await quarantine.asked() == []


async def test_a_question_survives_a_kill_and_a_torn_line(tmp_path: Path) -> None:
    """One that was taken but not read to its end is read at the next look; torn ones are none."""
    path = tmp_path / "plant.jsonl"
    quarantine = _quarantine(path)
    await quarantine.put(event_row(7), "too large")
    ask_release(path, [Address(EPOCH, 7)])
    release_path(path).rename(release_path(path).with_suffix(".taken"))
    ask_release(path, [Address(EPOCH, 8)])
    with release_path(path).open("ab") as torn:
        torn.write(b'["0000')
    assert [delivery.row.seq for delivery in await quarantine.asked()] == [7]
    assert await quarantine.asked() == []


async def test_what_left_is_gone_and_what_was_refused_again_has_its_cause(tmp_path: Path) -> None:
    """The rest of the file stays as it is, an unreadable line too."""
    path = tmp_path / "plant.jsonl"
    quarantine = _quarantine(path)
    for seq in (7, 8, 9):
        await quarantine.put(event_row(seq), "too large")
    with path.open("ab") as file:
        file.write(b"not ours\n")
    await quarantine.let_go(Address(EPOCH, 8))
    await quarantine.keep(event_row(7), "still too large", None)
    held, unreadable = held_in(path)
    assert [(one.row.seq, one.cause) for one in held] == [(9, "too large"), (7, "still too large")]
    assert unreadable == 1
    assert await quarantine.addresses() == {Address(EPOCH, 7), Address(EPOCH, 9)}
    await quarantine.put(event_row(8), "too large once more")
    assert len(held_in(path)[0]) == 3


@pytest.mark.parametrize("change", [(b"press-07", b"press-08"), (b'"seq":7', b'"seq":9')])
async def test_what_has_rotted_is_told_and_never_sent(
    tmp_path: Path, change: tuple[bytes, bytes]
) -> None:
    """A line that is no longer what was set aside is unreadable; it would be another event."""
    path = tmp_path / "plant.jsonl"
    quarantine = _quarantine(path)
    await quarantine.put(event_row(7), "too large")
    await quarantine.put(event_row(8), "too large")
    first, second = path.read_bytes().splitlines()
    path.write_bytes(first.replace(*change) + b"\n" + second + b"\n")
    held, unreadable = held_in(path)
    assert ([one.row.seq for one in held], unreadable) == ([8], 1)
    ask_release(path, [Address(EPOCH, seq) for seq in (7, 8, 9)])
    assert [delivery.row.seq for delivery in await _quarantine(path).asked()] == [8]


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": ["x"]},
        {"seq": "7"},
        {"seq": -7},
        {"seq": True},
        {"kind": None},
        {"cause": 7},
        {"body": 7},
        {"wall_ms": 1e300},
        {"wall_ms": 1 << 60},
        {"after": "zz"},
        {"after": ["x"]},
        {"after": ["x", "y"]},
        {"digest": 7},
    ],
)
async def test_what_a_hand_wrote_is_told_and_ends_nothing(
    tmp_path: Path, change: dict[str, object]
) -> None:
    """Any line that is not one of ours is unreadable, whichever member is wrong."""
    path = tmp_path / "plant.jsonl"
    quarantine = _quarantine(path)
    await quarantine.put(event_row(7), "too large")
    entry = orjson.loads(path.read_bytes())
    deep = b"[" * 100_000
    lines = (orjson.dumps(entry | change), b"\xff", b"null", b"[]", b"{}", deep)
    path.write_bytes(b"\n".join(lines) + b"\n")
    assert held_in(path) == ([], len(lines))


async def test_a_question_that_a_hand_wrote_is_none_and_ends_nothing(tmp_path: Path) -> None:
    """It would be read again at each start: nobody would be ready for a word in a file."""
    path = tmp_path / "plant.jsonl"
    quarantine = _quarantine(path)
    await quarantine.put(event_row(7), "too large")
    ask_release(path, [Address(EPOCH, 7)])
    words = (
        b'junk\n[1,2,3]\n["x","y"]\n["x",1e400]\n\xff\n[null,1]\n["a",-5]\n7\n{"a":1,"b":2}\n"ab"\n'
    )
    release_path(path).write_bytes(words + release_path(path).read_bytes())
    assert [delivery.row.seq for delivery in await quarantine.asked()] == [7]
    assert await quarantine.asked() == []


def test_a_line_of_an_earlier_version_is_an_event_that_proves_itself(tmp_path: Path) -> None:
    """Without a digest its own hash has to fit, and the address be its own."""
    path = tmp_path / "plant.jsonl"
    event = {"epoch": EPOCH, "kind": "x", "seq": 7, "n": 2}
    event["hash"] = sha256(canonical(event)).hexdigest()
    line = {"epoch": EPOCH, "seq": 7, "kind": "x", "cause": "large", "wall_ms": 1}
    bodies: tuple[object, ...] = (event, event | {"n": 3}, event | {"seq": 8}, {"n": 2}, [])
    for body, seq in ((body, seq) for body in bodies for seq in (7, 8)):
        entry = line | {"seq": seq, "body": orjson.dumps(body).decode()}
        with path.open("ab") as file:
            file.write(orjson.dumps(entry) + b"\n")
    held, unreadable = held_in(path)
    assert ([one.row.body for one in held], unreadable) == ([orjson.dumps(event)], 9)


def test_a_quarantine_that_never_was_holds_nothing(tmp_path: Path) -> None:
    """Its file is made with the first event."""
    assert held_in(tmp_path / "plant.jsonl") == ([], 0)
