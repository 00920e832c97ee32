"""A press that makes valves by serial and screws by lot, against a model that knows each piece.

The recipe changes between pieces, the counter is polled later than the trigger, links break and the
agent is killed. Each piece that the counter counted is in exactly one record (D-1, D-29).
"""

from collections import Counter as Tally
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from agent.core.events import (
    Certainty,
    CycleCounted,
    CycleMissed,
    LotCounted,
    UnitCompleted,
    UnitEvent,
    Why,
)
from agent.core.signals import phase
from agent.core.state import Phase
from agent.core.station import By, ProductPlan
from drivers.base import Quality, TagValue, ValuesSeen
from tests.core_rig import Rig
from tests.granular_rig import BY_ORDER, BY_ORDER_TAG, BY_SCAN, BY_TAG, told_by

NAMES = {"valve": "V-1", "screw": "S-1", "pump": "P-1"}
ORDERS = {"valve": "WO-11", "screw": "WO-22", "pump": "WO-33"}
GTINS = {"valve": "09506000134352", "screw": "09506000134369", "pump": "09506000134376"}
SLOWLY = ("recipe", "order", "lot", "count")
MODULUS = 65_536
START = 65_500


@dataclass(frozen=True)
class Piece:
    """What is true of a piece."""

    product: str
    lot: str
    unit: str | None
    """Its code, if it was read."""


class Press(RuleBasedStateMachine):
    """Random pieces, changeovers, losses and restarts."""

    plan: ProductPlan = BY_TAG

    def __init__(self) -> None:
        super().__init__()
        station = told_by(self.plan)
        if self.plan is not BY_SCAN:
            station = replace(station, lot="lot", lot_device="plc")
        self.rig = Rig(station)
        self.product, self.lot = "valve", 1
        self.pieces: list[Piece] = []
        self.request = 0
        self.polled: dict[str, tuple[object, int]] = {}
        self.up = False
        self.unseen = False
        self.rig.tags |= {"recipe": "V-1", "order": "WO-11", "lot": "LOT-1", "count": START}
        self.restore()
        if self.plan.tag is None:
            self.say()
        self.poll([*SLOWLY])

    # -------------------------------------------------------------- the line

    def say(self) -> None:
        """Let somebody scan what is made next, where no tag says it."""
        if self.plan.orders:
            self.rig.turn(2_000)
            self.rig.scan(ORDERS[self.product])
        else:
            self.rig.turn(2_000)
            self.rig.scan(f"{GTINS[self.product]}L{self.lot}")

    @property
    def lot_name(self) -> str:
        """Return what the lot is called in events."""
        if self.plan is BY_SCAN:
            return f"https://id.gs1.org/01/{GTINS[self.product]}/10/{self.lot}"
        return f"LOT-{self.lot}"

    def poll(self, tags: list[str]) -> None:
        """Read slow tags, each between the poll before and now."""
        for tag in tags:
            if not self.up:
                return
            value, since_ms = self.polled.get(tag, (None, self.rig.ms))
            self.rig.ms += 3
            now = self.rig.tags[tag]
            self.polled[tag] = (now, self.rig.ms)
            if now != value:
                seen = TagValue(tag=tag, value=now, quality=Quality.GOOD)
                self.rig.observe(ValuesSeen, device="plc", earliest_ms=since_ms, values=(seen,))
            if tag in {"recipe", "order", "lot"}:
                self.unseen = False

    def late(self) -> list[str]:
        """Return the tags that were not polled for longer than the settle allows for."""
        return [tag for tag in SLOWLY if self.rig.ms - self.polled.get(tag, (0, 0))[1] > 120]

    def step(self, ms: int) -> None:
        """Let time pass; what is due is polled."""
        self.rig.turn(ms)
        self.poll(self.late())

    def make(self, *, coded: bool, asks: bool) -> None:
        """Make a piece; one with an identity asks for its record, one without may."""
        rig, by_serial = self.rig, self.product != "screw"
        unit = None
        n = len(self.pieces) + 1
        if by_serial and (coded or self.plan is BY_SCAN):
            unit = f"SN-{n}"
            self.step(30)
            if self.plan is BY_SCAN:
                rig.scan(f"{GTINS[self.product]}/{n}")
                unit = f"https://id.gs1.org/01/{GTINS[self.product]}/21/{n}"
            else:
                rig.scan(unit)
            self.step(30)
        self.pieces.append(Piece(self.product, self.lot_name, unit))
        rig.tags["count"] = (START + n) % MODULUS
        rig.ms += 1
        if by_serial or asks:
            self.handshake()

    def handshake(self) -> None:
        """Ask until the answer stands, then let go."""
        rig = self.rig
        self.request += 1
        rig.tags |= {"trigger": True, "request": self.request}
        if self.up:
            rig.plc(trigger=True, request=self.request)
        for _ in range(20):
            if not self.up:
                self.restore()
            rig.answer()
            rig.due()
            if rig.device.get("ack"):
                break
            self.step(60)
        assert rig.device.get("ack"), "the press waits for an answer"
        rig.plc(trigger=False)
        rig.due()

    # -------------------------------------------------------------- rules

    @rule(coded=st.booleans(), asks=st.booleans(), n=st.integers(1, 3))
    def run(self, coded: bool, asks: bool, n: int) -> None:  # noqa: FBT001 - drawn by hypothesis
        """Pieces are made, one after the other."""
        for _ in range(n):
            self.make(coded=coded, asks=asks)

    @rule(n=st.integers(1, 2))
    def slip(self, n: int) -> None:
        """Pieces are made about which the press does not ask."""
        if self.plan is BY_SCAN and self.product == "valve":
            return  # nothing says that it is one: what no scan tells cannot be known (D-6)
        for _ in range(n):
            self.pieces.append(Piece(self.product, self.lot_name, None))
            self.rig.tags["count"] = (START + len(self.pieces)) % MODULUS
            self.step(30)

    @rule(ms=st.sampled_from([20, 100, 400, 1_500]))
    def rest(self, ms: int) -> None:
        """The line stands; polls go on."""
        for _ in range(max(1, ms // 50)):
            self.step(min(50, ms))

    @precondition(lambda self: not self.unseen)
    @rule(product=st.sampled_from(sorted(NAMES)), lot=st.integers(1, 4))
    def changeover(self, product: str, lot: int) -> None:
        """Another product is set up, and perhaps another lot."""
        if not self.up and self.plan.tag is None:
            return
        self.product, self.lot = product, lot
        self.rig.tags |= {"recipe": NAMES[product], "order": ORDERS[product], "lot": f"LOT-{lot}"}
        self.unseen = True
        self.rig.ms += 1
        if self.plan.tag is None:
            self.say()

    @rule(tags=st.permutations(SLOWLY))
    def look(self, tags: list[str]) -> None:
        """The slow tags are polled in any order."""
        self.poll(tags)

    @precondition(lambda self: self.up)
    @rule()
    def cut(self) -> None:
        """The link is lost."""
        self.up = False
        self.rig.link("plc", up=False)

    @precondition(lambda self: not self.up)
    @rule()
    def restore(self) -> None:
        """It comes back, and everything is read anew."""
        self.up, self.polled = True, {}
        self.rig.link("scanner", up=True)
        self.rig.link("plc", up=True)
        trigger, request = self.rig.tags["trigger"], self.rig.tags["request"]
        self.rig.plc(trigger=trigger, request=request)
        self.rig.answer()

    @rule(reboot=st.booleans())
    def kill(self, reboot: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
        """The agent is killed, or the gateway loses power."""
        if self.up:
            self.up = False
        self.rig.restart(reboot=reboot)

    # -------------------------------------------------------------- the laws

    def teardown(self) -> None:
        """In the end each piece is in one record, and what is certain is true."""
        if not self.up:
            self.restore()
        self.poll([*SLOWLY])  # of two changes that nobody saw, the first would leave no trace
        self.product, self.lot = "screw", 4
        self.rig.tags |= {"recipe": "S-1", "order": "WO-22", "lot": "LOT-4"}
        if self.plan.tag is None:
            self.say()
        self.poll([*SLOWLY])
        self.rig.turn(1_000)
        self.make(coded=False, asks=False)
        self.poll([*SLOWLY])
        self.rig.turn(3_000)
        handshake = self.rig.station.handshakes[-1]
        assert phase(self.rig.state, self.rig.working, handshake) is Phase.IDLE
        seen: Tally[int] = Tally()
        for event in self.rig.events:
            for number in self.numbers(event):
                seen[number] += 1
        assert seen == Tally(range(1, len(self.pieces) + 1))

    def numbers(self, event: object) -> list[int]:
        """Return which pieces an event is the record of, once it is seen that it is true."""
        if isinstance(event, LotCounted):
            last = (event.to_count - START) % MODULUS
            found = list(range(last - event.n + 1, last + 1))
            for piece in (self.pieces[number - 1] for number in found):
                self.is_true_row(event, piece)
            return found
        if isinstance(event, CycleMissed) and event.reason == "counter":
            last = (event.to_count or 0) - 1 - START
            n = event.n or 0
            found = [number % MODULUS for number in range(last - n + 1, last + 1)]
            assert all(self.pieces[number - 1].product != "screw" for number in found)
            return found
        if isinstance(event, CycleCounted):
            assert event.count is not None
            piece = self.pieces[(event.count - START) % MODULUS - 1]
            assert piece.product == "screw" or event.certainty is Certainty.POSSIBLE
            return []
        if isinstance(event, UnitEvent) and event.handshake == "end":
            assert event.count is not None
            number = (event.count - START) % MODULUS
            self.is_true_unit(event, self.pieces[number - 1])
            return [number]
        return []

    @staticmethod
    def is_true_row(event: LotCounted, piece: Piece) -> None:
        """A certain row holds pieces of its lot alone; a possible one names what it may hold."""
        if event.certainty is Certainty.CERTAIN:
            assert (piece.product, piece.lot) == (event.product, event.lot)
        else:
            assert piece.product in (event.product, *event.products)
            if piece.product == "screw" and Why.NO_LOT_OPEN not in event.why:
                assert piece.lot in (event.lot, *event.lots)

    def is_true_unit(self, event: UnitEvent, piece: Piece) -> None:
        """A unit is what it is said to be, and of the lot that is certain."""
        if isinstance(event, UnitCompleted) and event.certainty is Certainty.CERTAIN:
            assert event.unit == piece.unit
        if event.lot is not None:
            assert event.lot == piece.lot
        elif event.lots:
            assert piece.lot in event.lots
        if event.by == By.BOTH and piece.product == "pump":
            assert event.lot or event.lots or Why.NO_LOT_OPEN in event.lot_why


class OrderTagPress(Press):
    """The order is a tag, and how it begins says the product."""

    plan = BY_ORDER_TAG


class OrderPress(Press):
    """The order is scanned."""

    plan = BY_ORDER


class CodePress(Press):
    """The codes of units and lots say the product."""

    plan = BY_SCAN


TestByTag = Press.TestCase
TestByOrderTag = OrderTagPress.TestCase
TestByOrder = OrderPress.TestCase
TestByScan = CodePress.TestCase
for case in (TestByTag, TestByOrderTag, TestByOrder, TestByScan):
    case.settings = settings(
        max_examples=25, stateful_step_count=30, suppress_health_check=list(HealthCheck)
    )
