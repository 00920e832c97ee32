"""What a collector shows: how far behind it is, and that it has caught up."""

from agent.app.catching import SETTLE_S, Stage
from agent.app.collected import FAR, Tally
from agent.trace.claims import Range, Stand
from agent.trace.requests import Heard
from agent.trace.surveyed import Surveyed
from agent.trace.took import Took

OLD, NEW = "000001-aa", "000002-bb"


def stand(epoch: str, last: int) -> Stand:
    """Return a position."""
    return Stand(station="s", epoch=epoch, last_seq=last, last_hash="0" * 64, first_kept=None)


def test_it_is_behind_by_what_stations_have_more() -> None:
    """In the same run by the difference, in a newer one by all of it, and never below nothing."""
    tally = Tally()
    tally.heard({"s": Heard(online=True)}, {"s": stand(NEW, 2 * FAR)})
    status = tally.status(0)
    assert (status.behind, status.is_news, status.online, status.stations) == (2 * FAR, True, 1, 1)
    assert status.stage is Stage.CATCHING_UP
    tally.took(Took(new=7, newest={"s": (OLD, 900)}))
    assert (tally.status(1).behind, tally.status(1).is_news) == (2 * FAR, False)
    tally.took(Took(new=1, newest={"s": (NEW, FAR + 1)}))
    status = tally.status(2)
    assert (status.behind, status.is_news, status.new) == (0, False, 8)
    assert status.stage is Stage.LOOKING
    tally.took(Took(new=1, newest={"s": (NEW, 3 * FAR)}))
    assert tally.status(3).behind == 0


def test_a_line_says_what_matters() -> None:
    """What is well is not said; a store that is away is all that is said."""
    tally = Tally()
    tally.is_connected = True
    found = Surveyed(events=1200, newest=(NEW, 5), lacking=(), gone=3, is_complete=False, doubts=())
    tally.surveyed({"s": found}, {})
    assert str(tally.status(0)) == (
        "connected, 0 of 1 stations online, 1,200 events, 0/s, 3 gone for good"
    )
    tally.store_error = "db: is starting up"
    assert str(tally.status(1)) == "the store is away: db: is starting up"
    assert (tally.is_new_doubt("s", "fork"), tally.is_new_doubt("s", "fork")) == (True, False)


def test_the_log_names_five_stations_and_counts_the_rest() -> None:
    """A line stays one when a whole plant lacks something; a refusal is told as it was given."""
    tally = Tally()
    hole = Range(NEW, 2, 3)
    found = {
        f"s{n}": Surveyed(
            events=9, newest=(NEW, 9), lacking=(hole,), gone=0, is_complete=False, doubts=()
        )
        for n in range(7)
    }
    heard = {name: Heard(online=True) for name in found}
    heard["s1"].refused[hole] = "busy with more"
    tally.heard(heard, {})
    for now_s in (0.0, SETTLE_S):
        tally.surveyed(found, {"s0": (hole,)})
        tally.course.looked(found, {"s0": (hole,)}, now_s)
    told = tally.status(0).told()
    assert (told["lacking"], told["asked"]) == (14, 2)
    assert told["of"] == "s0 2; s1 2 (refused: busy with more); s2 2; s3 2; s4 2; and 2 more"
