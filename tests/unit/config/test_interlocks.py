"""`track.previous` and `lookup`: what is refused by name, and what is said of the rest."""

from pathlib import Path

import pytest

from agent.config.explain import explained
from tests.unit.config.stations import FILLER, PRESS, edited, loaded, problems
from tests.unit.config.test_neighbours import SECOND, folder, said

AFTER = edited(
    SECOND, ("  because: regulated\n", "  because: regulated\n  previous: [acme/press-07]\n")
)


def test_a_station_before_is_one_of_the_folder(tmp_path: Path) -> None:
    """Stations of one folder know of each other, and `check` says what follows (D-38)."""
    found = folder(tmp_path, a=PRESS, b=AFTER)
    assert found.refused == {}
    (press,) = [config for config in found.stations if config.station.previous]
    assert press.station.previous == ("acme/press-07",)
    text = explained(press)
    assert "a unit that acme/press-07 has not completed as OK: refused, answer 5" in text
    assert "a unit of which that cannot be known in time: recorded, and says so" in text
    strict = edited(AFTER, ("  previous:", "  unknown: refuse\n  previous:"))
    assert "cannot be known in time: refused, answer 5" in explained(loaded(strict))


def test_a_station_elsewhere_is_refused_by_name(tmp_path: Path) -> None:
    """What can never be known is no matter of policy: the file says so when it is loaded."""
    found = folder(tmp_path, b=AFTER, c=FILLER)
    assert [config.station.path for config in found.stations] == ["acme/filler"]
    (problem,) = said(found, tmp_path)
    assert problem == (
        "b.yaml:26:13: track.previous: no station 'acme/press-07' in this folder: what passed "
        "there cannot be known; run its file in the same folder, or name it in `neighbours`"
    )  # and never itself, which is the nearest
    slip = edited(AFTER, ("[acme/press-07]", "[acme/fillr]"))
    (problem,) = said(folder(tmp_path, b=slip, c=FILLER), tmp_path)
    assert problem.endswith("there cannot be known; did you mean 'acme/filler'?")


def test_a_station_whose_file_is_refused_is_still_one(tmp_path: Path) -> None:
    """A neighbour's broken file stops nobody: until it is mended the policy decides."""
    broken = edited(PRESS, ("timezone:", "timezne:"))
    found = folder(tmp_path, a=broken, b=AFTER)
    assert [config.station.path for config in found.stations] == ["acme/press-08"]
    found = folder(tmp_path, a="station: [", b=AFTER)
    assert found.stations == ()


def test_a_station_does_not_come_before_itself() -> None:
    """Neither itself, nor the same one twice."""
    text = edited(
        PRESS,
        ("  because: regulated\n", "  because: regulated\n  previous: [acme/press-07, a/b, a/b]\n"),
    )
    assert [problem.partition(": ")[2] for problem in problems(text)] == [
        "track.previous[0]: is this station itself; remove it",
        "track.previous[2]: 'a/b' stands twice; remove one",
    ]


def test_the_look_up_is_kept_no_shorter_than_the_journal() -> None:
    """400 days where nothing is said; it never knows less than the events do."""
    assert loaded(PRESS).journal.lookup_keep_s == 400 * 86_400
    text = edited(PRESS, ("timezone:", "lookup: {keep: 10d}\ntimezone:"))
    (problem,) = problems(text)
    assert "lookup.keep: is shorter than journal.keep, 30d" in problem
    text = edited(PRESS, ("timezone:", "lookup: {keep: 800d}\ntimezone:"))
    assert loaded(text).journal.lookup_keep_s == 800 * 86_400


def test_a_counting_station_asks_nobody() -> None:
    """`count-only` judges no unit."""
    (problem,) = problems(edited(FILLER, ("  by: lot\n", "  by: lot\n  previous: [acme/press]\n")))
    assert "track.previous: `count-only` judges no unit" in problem


def followed(*changes: tuple[str, str], neighbours: str = "stations: [acme/saw]") -> str:
    """Return a press whose saw is at another gateway."""
    return edited(
        PRESS,
        ("  because: regulated\n", "  because: regulated\n  previous: [acme/saw]\n"),
        ("publish:\n", f"neighbours: {{{neighbours}}}\npublish:\n"),
        *changes,
    )


def test_a_station_before_may_be_followed(tmp_path: Path) -> None:
    """It needs no file in the folder: what it records comes from the broker of the one sink."""
    found = folder(tmp_path, a=followed())
    assert found.refused == {}
    (press,) = found.stations
    assert press.neighbours is not None
    assert press.neighbours.stations == ("acme/saw",)
    assert press.neighbours.options.url == "mqtt://127.0.0.1"
    assert press.neighbours.options.client_id == "lineside.acme.press-07.neighbours"
    assert (press.neighbours.root, press.neighbours.within_s) == ("lineside", 7 * 86_400)
    assert "acme/saw: by its events from 127.0.0.1:1883; a unit takes 7d at most" in explained(
        press
    )


@pytest.mark.parametrize(
    ("neighbours", "client_id", "host"),
    [
        ("stations: [acme/saw], client_id: mine", "mine", "127.0.0.1"),
        ('stations: [acme/saw], broker: {url: "mqtts://b", client_id: own}', "own", "b"),
        ('stations: [acme/saw], broker: {url: "mqtts://b"}', None, "b"),
    ],
)
def test_where_they_are_heard_and_under_which_name(
    neighbours: str, client_id: str | None, host: str
) -> None:
    """At the sink's broker or at one of its own, under a name that is not the sink's."""
    sink = ('url: "mqtt://127.0.0.1"', 'url: "mqtt://127.0.0.1", client_id: sinks, root: acme')
    found = loaded(followed(sink, neighbours=neighbours)).neighbours
    assert found is not None
    assert found.options.client_id == (client_id or "lineside.acme.press-07.neighbours")
    assert (found.options.host, found.root) == (host, "lineside" if host == "b" else "acme")


def test_a_station_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """It is asked in its own journal, which knows more than a broker (D-38)."""
    own = followed(neighbours="stations: [acme/saw, acme/press-08]")
    found = folder(tmp_path, a=own, b=SECOND)
    (problem,) = said(found, tmp_path)
    assert problem == (
        "a.yaml:42:1: neighbours.stations: 'acme/press-08' is a station of this folder, and is "
        "asked here; remove it"
    )


def test_one_name_at_a_broker_is_for_one(tmp_path: Path) -> None:
    """The reader of neighbours and a sink under one name would throw each other out."""
    own = followed(neighbours="stations: [acme/saw], client_id: me")
    sink = ('url: "mqtt://127.0.0.1"', 'url: "mqtt://127.0.0.1", client_id: me')
    found = folder(tmp_path, a=own, b=edited(SECOND, sink))
    one, other = said(found, tmp_path)
    assert one == (
        "a.yaml:42:1: neighbours.client_id: the client id me is claimed by b.yaml:42 too; one of "
        "the two must let go"
    )
    assert other.startswith("b.yaml:42:3: publish.plant.client_id: the client id me is claimed by")
