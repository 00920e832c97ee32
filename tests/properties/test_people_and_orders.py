"""A shift with people, orders and restarts, beside a plain model that knows the truth."""

from collections import Counter
from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from agent.core.crew import Crew
from agent.core.events import OrderEnded, OrderOverrun, OrderReached, UnitCompleted
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.order_plan import OrderPlan
from agent.core.station import Policy
from tests.core_rig import PRESS, Rig

BADGES = st.sampled_from(["OP-1", "OP-2", "OP-3"])
ACTIONS = st.one_of(
    st.tuples(st.just("badge"), BADGES),
    st.tuples(st.just("unit"), st.integers(1, 5), st.booleans(), st.lists(BADGES, max_size=3)),
    st.tuples(st.just("order"), st.integers(1, 3)),
    st.tuples(st.just("order_end")),
    st.tuples(st.just("wait"), st.integers(1, 60_000)),
    st.tuples(st.just("restart")),
)
QUANTITY = 2
LABEL = ScanRule(match=RegexMatch(pattern=r"(?P<order>WO-\d)/(?P<quantity>\d)"), means=Means.ORDER)
STATION = replace(
    PRESS,
    scans=(*(rule for rule in PRESS.scans if rule.means is not Means.ORDER), LABEL),
    crew=Crew(most=2),
    duplicates=Policy.RECORD,
    orders=OrderPlan(),
    operator_idle_ms=None,
)


@dataclass
class Truth:
    """Who is on, and what was made for which order."""

    on: set[str] = field(default_factory=set)
    order: str | None = None
    home: dict[str, str | None] = field(default_factory=dict)
    """Per unit: the order that it was made for first."""
    ok: dict[str, bool] = field(default_factory=dict)

    def badge(self, person: str) -> None:
        """A person badges: off if they are on, on if there is room."""
        if person in self.on:
            self.on.remove(person)
        elif len(self.on) < STATION.crew.most:
            self.on.add(person)

    def made(self, unit: str, *, ok: bool) -> None:
        """A unit passes: its first order keeps it, and a rework can only mend it there."""
        if unit not in self.home:
            self.home[unit], self.ok[unit] = self.order, ok
        elif self.home[unit] == self.order and ok:
            self.ok[unit] = True

    def counts(self, order: str) -> tuple[int, int]:
        """Return how many good and NOK units were made for an order."""
        found = Counter(self.ok[unit] for unit, home in self.home.items() if home == order)
        return found[True], found[False]


@given(st.lists(ACTIONS, max_size=25))
def test_a_shift_is_recorded_as_it_was(actions: list[tuple[object, ...]]) -> None:
    """Whoever was there is named, nobody else is; each unit counts once, where it was made."""
    rig, truth, request = Rig(STATION), Truth(), 0
    rig.up()
    for name, *about in actions:
        rig.turn(2_000)
        if name == "badge":
            (person,) = about
            _badge(rig, truth, str(person))
        elif name == "order":
            truth.order = f"WO-{about[0]}"
            rig.scan(f"{truth.order}/{QUANTITY}")
        elif name == "order_end":
            truth.order = None
            rig.scan("ORDER END")
        elif name == "wait":
            rig.turn(int(str(about[0])))
        elif name == "restart":
            rig.restart()
            rig.up()
        else:
            request += 1
            _unit(rig, truth, request, about)
        _agree(rig, truth)
    told = [(event.kind, event.order) for event in rig.of(OrderReached) + rig.of(OrderOverrun)]
    assert len(told) == len(set(told))


def _badge(rig: Rig, truth: Truth, person: str) -> None:
    rig.turn(2_000)
    rig.scan(person)
    truth.badge(person)


def _unit(rig: Rig, truth: Truth, request: int, about: list[object]) -> None:
    number, ok, during = about
    unit = f"SN-{number}"
    rig.scan(unit)
    there = set(truth.on)
    assert isinstance(during, list)
    for person in during:
        _badge(rig, truth, person)
        there |= truth.on
    rig.turn(10)
    rig.cycle(request, ok=bool(ok))
    truth.made(unit, ok=bool(ok))
    done = rig.of(UnitCompleted)[-1]
    assert {each.ref.removeprefix("k:") for each in done.operators} == there
    assert {each.certainty for each in done.operators} <= {None}
    assert (done.operator_state, done.order) == (None if there else "none", truth.order)


def _agree(rig: Rig, truth: Truth) -> None:
    people = rig.state.people
    assert {session.ref.removeprefix("k:") for session in people.sessions} == truth.on
    assert people.order == truth.order
    if truth.order is not None:
        count = people.count
        assert count is not None
        assert (count.good, count.nok) == truth.counts(truth.order)
    for ended in people.ended:
        if ended.order != truth.order:
            assert (ended.good, ended.nok) == truth.counts(ended.order)
    for event in rig.of(OrderEnded):
        assert event.total == (event.good or 0) + (event.nok or 0)
