"""The annotated examples of config/, each driven through a shift's bad day in simulated time."""

from dataclasses import replace
from pathlib import Path

from agent.app.registries import registries
from agent.config.load import load
from agent.core.events import (
    CarrierConflict,
    Certainty,
    CodeRefused,
    ComponentInstalled,
    CycleCounted,
    EventCorrected,
    LotClosed,
    LotCounted,
    NoRead,
    OrderEnded,
    OrderOverrun,
    OrderReached,
    PackingRefused,
    ParentClosed,
    ParentDissolved,
    UnitCompleted,
    UnitEvent,
    UnitPacked,
    UnitRefused,
    UnitReidentified,
    UnitScrapped,
    UnitUnbound,
    UnitUnpacked,
    Verdict,
    Why,
)
from agent.core.state import Ask, Decision, LookupAsk
from agent.core.station import Station
from drivers.base import AskAnswered, CodeScanned, FrameStatus, PreviousSeen, Scalar
from tests import knowledge
from tests.core_rig import Rig

CONFIG = Path(__file__).parents[3] / "config"


def example(name: str) -> Station:
    """Return the plan of an example."""
    return load(CONFIG / f"{name}.example.yaml", registries()).station


def test_manual_bench() -> None:
    """A bench binds what was scanned alone, with the board before it; all else is told apart."""
    rig = Rig(example("manual-bench"))
    rig.link("scanner", up=True)
    pause_ms = 1_100
    rig.scan("OP-1234")
    rig.turn(1_000)
    rig.scan("WO000077/CTRL/2")
    rig.scan("PCB00000001")
    rig.turn(3_000)
    rig.scan("CTRL00000001")
    rig.turn(pause_ms)
    rig.answer()
    first = rig.of(UnitCompleted)[-1]
    assert (first.unit, first.certainty, first.visit) == ("CTRL00000001", Certainty.CERTAIN, 1)
    assert (first.order, first.missing) == ("WO000077", ("inspector",))
    assert rig.of(ComponentInstalled)[-1].component == "PCB00000001"
    assert [reply.good for reply in rig.decision.replies] == [True]

    rig.scan("CTRL00000002")  # the board was forgotten
    rig.turn(pause_ms)
    rig.answer()
    assert rig.of(UnitRefused)[-1].reason is Why.COMPONENT_MISSING

    rig.scan("PCB00000002")
    rig.scan("CTRL00000002")
    rig.turn(200)
    rig.scan("CTRL00000003")  # the neighbour's label got into the beam
    rig.turn(pause_ms)
    rig.answer()
    unbound = rig.of(UnitUnbound)[-1]
    assert unbound.candidates == ("CTRL00000002", "CTRL00000003")
    assert unbound.components[0].candidates == ("PCB00000002",)

    rig.scan("CTRL99")
    assert rig.of(CodeRefused)[-1].reason
    assert len(rig.units()) == 3


def test_manual_bench_builds_an_order() -> None:
    """Two people and an inspector; the order has its two, over a restart, and takes no third."""
    rig = Rig(example("manual-bench"))
    rig.link("scanner", up=True)

    def build(board: int, unit: int) -> UnitEvent:
        rig.turn(1_000)
        rig.scan(f"PCB{board:08d}")
        rig.turn(30_000)
        rig.scan(f"CTRL{unit:08d}")
        rig.turn(1_100)
        rig.answer()
        return rig.units()[-1]

    assert build(1, 1).why == (Why.OPERATOR_MISSING,)
    rig.scan("OP-1001")
    rig.turn(1_000)
    rig.scan("OP-9001", role="inspector")
    assert build(1, 1).why == (Why.ORDER_MISSING,)
    rig.scan("WO000077/CTRL/2")
    done = build(1, 1)
    assert isinstance(done, UnitCompleted)
    assert [each.role for each in done.operators] == ["operator", "inspector"]
    rig.turn(1_000)
    rig.scan("OP-1002")  # takes over from the first
    rig.turn(1_000)
    rig.scan("OP-1001")
    rig.restart()
    rig.link("scanner", up=True)
    done = build(2, 2)
    assert [each.ref for each in done.operators] == ["k:OP-1001", "k:OP-9001", "k:OP-1002"]
    assert rig.of(OrderReached)[-1].good == 2
    assert build(3, 3).why == (Why.ORDER_REACHED,)
    again = build(4, 1)  # came back from repair with another board
    assert isinstance(again, UnitCompleted)
    assert (again.visit, rig.of(OrderOverrun)) == (2, [])
    rig.turn(1_000)
    rig.scan("WO-END")
    ended = rig.of(OrderEnded)[-1]
    assert (ended.reason, ended.good, ended.total, ended.over) == ("scan", 2, 2, None)


def test_manual_bench_judges_by_cards() -> None:
    """A card before the unit: NOK, scrapped, or under a new label, by who is signed on."""
    rig = Rig(example("manual-bench"))
    rig.link("scanner", up=True)
    rig.scan("OP-1234")
    rig.scan("WO000077/CTRL/2")

    def bench(*codes: str) -> None:
        for code in codes:
            rig.turn(1_000)
            rig.scan(code)
        rig.turn(1_100)
        rig.answer()

    bench("PCB00000001", "NOK SOLDER", "CTRL00000001")
    nok = rig.of(UnitCompleted)[-1]
    assert (nok.unit, nok.result, nok.visit) == ("CTRL00000001", "nok", 1)
    bench("PCB00000001", "CTRL00000001")  # repaired
    assert [(each.visit, each.result) for each in rig.of(UnitCompleted)] == [(1, "nok"), (2, "ok")]
    bench("SCRAP BURNT", "CTRL00000001")
    assert (rig.of(UnitScrapped)[-1].who, rig.of(UnitScrapped)[-1].reason) == (
        "k:OP-1234",
        "BURNT",
    )
    bench("PCB00000002", "CTRL00000001")
    assert rig.of(UnitRefused)[-1].reason is Why.SCRAPPED
    bench("RELABEL", "CTRL00000004", "CTRL00000005")
    assert rig.of(UnitReidentified)[-1].new == "CTRL00000005"
    assert len(rig.units()) == 3


def test_cycle_then_scan() -> None:
    """A laser is answered when the camera has read, or when the window is over."""
    rig = Rig(example("cycle-then-scan"))
    rig.tags |= {"counter": 0, "power": 20.5, "verdict": True}
    rig.link("camera", up=True)
    rig.up()

    def camera(serial: int) -> None:
        code = f"]d201095060001343522100{serial}"
        rig.observe(CodeScanned, device="camera", raw=code.encode())

    def mark(request: int) -> None:
        rig.plc(trigger=True, request=request, counter=request)
        rig.answer()
        rig.turn(400)

    def go_on() -> int | None:
        answer = rig.answered()
        rig.plc(trigger=False)
        rig.due()
        return answer

    mark(1)
    assert rig.answered() is None
    camera(1)
    rig.answer()
    assert go_on() == 1
    assert rig.of(UnitCompleted)[-1].certainty is Certainty.CERTAIN

    rig.turn(4_000)
    mark(2)
    rig.observe(CodeScanned, device="camera", raw=b"ERROR", status=FrameStatus.NO_READ)
    rig.turn(2_000)
    assert go_on() == 8
    assert (len(rig.of(NoRead)), rig.of(UnitUnbound)[-1].why) == (1, (Why.NO_SCAN,))

    rig.turn(4_000)
    mark(3)
    camera(3)
    rig.answer()
    assert go_on() == 1
    camera(4)  # a part that was put before the camera by hand
    rig.turn(1_000)
    corrected = rig.of(EventCorrected)[-1]
    assert corrected.supersedes == (rig.of(UnitCompleted)[-1].address,)
    assert [unit[-2:] for unit in corrected.candidates] == ["03", "04"]


def test_pallet_line() -> None:
    """A pallet stands for its housing from the load point to the unload point."""
    rig = Rig(example("pallet-line"))
    rig.tags |= {"pallet": "", "counter": 0, "energy": 80.0, "ask": False, "store": False}
    rig.tags |= {"ask_number": 0, "store_number": 0}
    for reader in ("load_reader", "unload_reader"):
        rig.link(reader, up=True)
    rig.link("plc", up=True)
    rig.answer()

    def read(reader: str, code: str) -> None:
        rig.ms += 30
        rig.observe(CodeScanned, device=reader, earliest_ms=rig.ms - 20, raw=code.encode())
        rig.turn(700)

    def ask(trigger: str, number: int, pallet: str) -> Scalar:
        shown: dict[str, Scalar] = {trigger: True, f"{trigger}_number": number}
        rig.plc(10, **shown, pallet=pallet, counter=number)
        rig.answer()
        rig.due()
        answer = rig.device[f"{trigger}_result"]
        shown = {trigger: False}
        rig.plc(10, **shown)
        rig.due()
        rig.turn(500)
        return answer

    read("load_reader", "P001")
    read("load_reader", "HSG00000001")
    read("load_reader", "P002")  # goes in empty
    read("load_reader", "P003")
    read("load_reader", "HSG00000003")
    assert (ask("ask", 1, "P001"), ask("store", 1, "P001")) == (1, 1)
    first = rig.of(UnitCompleted)[-1]
    assert (first.unit, first.certainty) == ("HSG00000001", Certainty.CERTAIN)
    assert ask("ask", 2, "P002") == 8
    assert rig.of(UnitUnbound)[-1].why == (Why.CARRIER_EMPTY,)

    rig.turn(10_000)
    read("load_reader", "P003")  # came round without having been unloaded
    read("load_reader", "HSG00000004")
    assert rig.of(CarrierConflict)[-1].units == ("HSG00000003", "HSG00000004")
    assert ask("ask", 3, "P003") == 8
    read("unload_reader", "P003")
    read("unload_reader", "P001")
    rig.turn(10_000)

    read("load_reader", "P001")
    read("load_reader", "HSG00000005")
    assert (ask("ask", 4, "P001"), ask("store", 4, "P001")) == (1, 1)
    assert rig.of(UnitCompleted)[-1].unit == "HSG00000005"


def test_multi_cavity_moulding() -> None:
    """Two housings a shot: a record each, one answer, the granulate of both."""
    rig = Rig(example("multi-cavity-moulding"))
    rig.tags |= {"shots": 0, "pressure": 812.5, "left_code": "", "right_code": ""}
    rig.tags |= {"left_ok": True, "right_ok": True}
    rig.up()
    rig.scan("GR000042")
    rig.turn(3_600_000)

    def shot(number: int, left: str, right: str, *, right_ok: bool = True) -> int | None:
        rig.turn(20_000)
        tags: dict[str, Scalar] = {"left_code": left, "right_code": right, "right_ok": right_ok}
        rig.plc(10, **tags, trigger=True, request=number, shots=number)
        rig.answer()
        answer = rig.answered()
        rig.plc(trigger=False)
        rig.due()
        return answer

    assert shot(1, "INS00000001", "INS00000002") == 1
    left, right = rig.of(UnitCompleted)
    assert (left.cavity, right.cavity, left.cycle) == ("left", "right", right.cycle)
    assert left.components == right.components
    assert left.components[0].candidates == ("GR000042",)

    assert shot(2, "INS00000003", "INS00000004", right_ok=False) == 2
    assert shot(3, "INS00000005", "") == 8
    assert rig.of(UnitUnbound)[-1].cavity == "right"
    assert shot(4, "INS00000006", "INS00000001") == 3
    assert rig.of(UnitRefused)[-1].reason is Why.DUPLICATE
    assert len(rig.units()) == 8


def test_fifo_line() -> None:
    """Cartons come out as they went in; one that is lifted off is noticed before it shifts them."""
    rig = Rig(example("fifo-line"))
    rig.tags |= {"weight": 512.0, "inside": 0, "line_clear": True}
    for reader in ("tunnel", "hand"):
        rig.link(reader, up=True)
    rig.up()
    rig.plc(line_clear=True)
    rig.plc(line_clear=False)

    def read(reader: str, serial: int) -> None:
        rig.ms += 30
        code = f"]d201095060001343522100{serial}".encode()
        raw = code if serial else b"NOREAD"
        rig.observe(CodeScanned, device=reader, earliest_ms=rig.ms - 20, raw=raw)
        rig.turn(1_000)

    def pack(number: int, inside: int) -> UnitEvent:
        rig.plc(trigger=True, request=number, inside=inside)
        rig.answer()
        rig.turn(400)
        rig.answer()
        rig.due()
        rig.plc(trigger=False)
        rig.due()
        rig.turn(500)
        return rig.units()[-1]

    for serial in (1, 0, 2, 3, 4):  # the gate takes out the one that was not read
        read("tunnel", serial)
    assert (pack(1, 4).unit or "")[-2:] == "01"
    assert (pack(2, 3).unit or "")[-2:] == "02"
    unbound = pack(3, 1)  # a carton was lifted off
    assert isinstance(unbound, UnitUnbound)
    assert len(unbound.candidates) == 2
    read("tunnel", 5)
    read("tunnel", 6)
    assert pack(4, 2).unit is None
    read("hand", 6)
    assert (pack(5, 1).unit or "")[-2:] == "06"
    assert {unit.certainty for unit in rig.of(UnitCompleted)} == {Certainty.CERTAIN}


def test_packing() -> None:
    """Units in cartons on a pallet: a wrong unit, a restart, and a carton that is taken apart."""
    rig = Rig(example("packing"))
    rig.link("scanner", up=True)

    def read(*codes: str) -> None:
        for code in codes:
            rig.turn(1_500)
            rig.scan(code)

    def units(*serials: int) -> tuple[str, ...]:
        return tuple(f"]d2010950600013435221{serial}" for serial in serials)

    def carton(serial: int) -> str:
        return f"]d2011950600013435921{serial}"

    def code(serial: int) -> str:
        return f"https://id.gs1.org/01/09506000134352/21/{serial}"

    read("OP-1234", "]C100395060001343000015", carton(1), *units(1, 2, 3, 4, 5, 6))
    full = rig.of(ParentClosed)[-1]
    assert (full.how, full.children) == ("full", tuple(code(serial) for serial in range(1, 7)))
    assert rig.home(full.parent) == "https://id.gs1.org/00/395060001343000015"

    read(carton(2), *units(7, 6))  # the neighbour's, out of the first carton
    refused = rig.of(PackingRefused)[-1]
    assert (refused.reason, refused.other) == (Why.CONFLICT, full.parent)
    read("WRONG LABEL")
    assert rig.of(CodeRefused)[-1].reason == "no_rule"

    rig.restart()  # the gateway was rebooted in the middle of a carton
    rig.link("scanner", up=True)
    read(*units(8))
    assert rig.of(UnitPacked)[-1].why == (Why.SCAN_BEFORE_RESTART,)
    read(carton(2), *units(9), "CARTON DONE")
    part = rig.of(ParentClosed)[-1]
    assert (part.children, part.possible) == ((code(7), code(8), code(9)), (code(8),))
    assert part.why == (Why.COUNT_SHORT,)

    read("UNPACK", units(1)[0])
    assert rig.of(UnitUnpacked)[-1].parent == full.parent
    read("UNPACK", carton(2))
    assert rig.of(ParentDissolved)[-1].children == (code(7), code(8), code(9))
    read("]C100395060001343000015", "PALLET DONE")
    pallet = rig.of(ParentClosed)[-1]
    assert pallet.children == (full.parent, part.parent)
    assert {rig.home(code(serial)) for serial in range(2, 7)} == {full.parent}


def test_case_packer() -> None:
    """Modules in a housing: the answer says when one is missing, and what the torque was worth."""
    rig = Rig(example("case-packer"))
    rig.tags |= {"counter": 0, "torque": 12.1, "torque_least": 11.0, "verdict": True}
    rig.link("scanner", up=True)
    rig.up()

    def press(number: int, *codes: str, torque: float = 12.1) -> int | None:
        for code in codes:
            rig.turn(1_500)
            rig.scan(code)
        rig.turn(500)
        rig.plc(trigger=True, request=number, counter=number, torque=torque)
        rig.answer()
        answer = rig.answered()
        rig.plc(trigger=False)
        rig.due()
        rig.check()
        return answer

    modules = [f"MOD{serial:08}" for serial in range(1, 13)]
    assert press(1, *modules[:4], "PACK00000001") == 1
    assert {rig.home(module) for module in modules[:4]} == {"PACK00000001"}
    assert rig.of(UnitCompleted)[-1].values[0].verdict is Verdict.OK

    assert press(2, *modules[4:7], "PACK00000002") == 6
    assert rig.of(UnitRefused)[-1].reason is Why.COUNT_SHORT
    assert press(3, modules[7], "PACK00000002") == 1
    assert [packed.certainty.value for packed in rig.of(UnitPacked)[4:]] == [
        *["possible"] * 3,
        "certain",
    ]

    assert press(4, *modules[8:], "PACK00000003", torque=10.5) == 2
    slack = rig.of(UnitCompleted)[-1]
    assert (slack.values[0].verdict, slack.machine_result) == (Verdict.LOW, "ok")
    assert rig.home(modules[8]) == "PACK00000003"


def test_mixed_products() -> None:
    """Valves by serial, screws by lot, pumps by both: a shift with changeovers and a restart."""
    rig = Rig(example("mixed-products"))
    rig.tags |= {"pieces": 0, "recipe": "VALVE-15"}
    rig.up()
    rig.plc(pieces=0, recipe="VALVE-15")
    made = 0

    def unit(code: str | None) -> int | None:
        nonlocal made
        made += 1
        if code is not None:
            rig.scan(code)
            rig.turn(50)
        rig.plc(trigger=True, request=made, pieces=made)
        rig.answer()
        rig.turn(300)
        rig.answer()
        answer = rig.answered()
        rig.plc(trigger=False)
        rig.due()
        return answer

    def screws(n: int) -> None:
        nonlocal made
        for _ in range(n):
            made += 1
            rig.plc(pieces=made)
            rig.turn(600)

    assert [unit("SN-00000001"), unit(None)] == [1, 8]
    rig.turn(2_000)
    rig.plc(recipe="SCREW-07")
    rig.scan("LOT-000001")
    rig.turn(1_000)
    screws(5)
    assert unit(None) == 1  # the PLC asks although it need not
    rig.turn(3_000)
    rig.restart()
    rig.up()
    rig.plc(pieces=made, recipe="SCREW-07")
    screws(4)
    rig.turn(2_000)
    rig.plc(recipe="PUMP")
    rig.scan("LOT-000002")
    rig.turn(1_000)
    assert unit("SN-00000002") == 1
    rig.plc(recipe="PUMP-NEW")  # nobody entered it in the station file
    assert unit("SN-00000003") == 1

    completed = rig.of(UnitCompleted)
    assert [(each.by, each.lot, each.why) for each in completed] == [
        ("serial", None, ()),
        ("both", "000002", ()),
        ("both", "000002", (Why.PRODUCT_UNKNOWN,)),
    ]
    rows = [row for row in rig.of(LotCounted) if row.n]
    assert {(row.lot, row.product, row.certainty) for row in rows} == {
        ("000001", "screw", Certainty.CERTAIN)
    }
    counted = [len(rig.of(kind)) for kind in (UnitCompleted, UnitUnbound, CycleCounted)]
    assert (sum(row.n for row in rows), counted, made) == (10, [3, 1, 1], 14)


def test_marking_station() -> None:
    """Each housing names the box that it came from; one more than the box held is in doubt."""
    rig = Rig(example("marking-station"))
    rig.tags |= {"readable": True}
    rig.up()

    def mark(number: int) -> UnitCompleted:
        rig.turn(500)
        rig.cycle(number, code=f"HSG{number:08}")
        return rig.of(UnitCompleted)[-1]

    nobody_knows = mark(1)
    assert (nobody_knows.from_lots, nobody_knows.lot_why) == ((), (Why.NO_LOT_OPEN,))
    rig.scan("BOX-000007-2")
    assert [mark(2).from_lot, mark(3).from_lot] == ["000007", "000007"]
    over = mark(4)
    assert (over.from_lots, over.lot_why) == (("000007",), (Why.LOT_USED_UP,))
    rig.scan("BOX-000008-20")
    closed = rig.of(LotClosed)[-1]
    assert (closed.n, closed.n_possible, closed.remaining) == (2, 1, "0")
    assert mark(5).from_lot == "000008"
    of_box = [
        each.unit for each in rig.of(UnitCompleted) if "000007" in (each.from_lot, *each.from_lots)
    ]
    assert of_box == ["HSG00000002", "HSG00000003", "HSG00000004"]


class LeakTest(Rig):
    """The leak tester: what the welding cell elsewhere says of a part is said by the test."""

    def __init__(self) -> None:
        super().__init__(example("leak-test"))
        self.said: dict[str, PreviousSeen] = {}
        self.tags |= {"trigger": False, "request": 0, "count": 0, "leak": 0.2, "ok": True}
        self.tags["code"] = ""
        self.up()

    def look_up(self, ask: Ask | None = None, *, known: bool = True) -> Decision:
        """Answer with what was said of the part; where nothing was, it was not there."""
        ask = ask or self.open_ask()
        assert isinstance(ask, LookupAsk)
        (cell,) = self.station.previous
        seen = self.said.get(ask.unit, PreviousSeen(station=cell, known=True, as_of="w-9"))
        facts = knowledge.of_unit(self.events, ask.unit, ask.handshake)
        return self.observe(
            AskAnswered,
            ask=ask.id,
            known=known,
            knowledge_as_of=self.events[-1].address,
            previous=(seen,),
            **facts,
        )


def test_leak_test() -> None:
    """A part is tested that the cell at the other gateway has completed as OK, and no other one."""
    rig = LeakTest()
    (cell,) = rig.station.previous
    done = PreviousSeen(station=cell, known=True, address="w-7", result="ok", as_of="w-9")
    rig.said = {
        "CELL00000001": done,
        "CELL00000002": replace(done, result="nok"),
        "CELL00000003": PreviousSeen(station=cell, known=False, as_of="w-5"),
        "CELL00000004": PreviousSeen(station=cell, known=False),
    }
    codes = [f"CELL{n:08d}" for n in range(1, 6)]
    answers = [rig.cycle(n, code=code) for n, code in enumerate(codes, start=1)]
    assert answers == [1, 5, 5, 5, 5]
    (tested,) = rig.of(UnitCompleted)
    assert (tested.unit, tested.previous[0].address) == ("CELL00000001", "w-7")
    refused = rig.of(UnitRefused)
    assert [event.reason for event in refused] == [
        Why.PREVIOUS_NOK,
        Why.PREVIOUS_UNKNOWN,
        Why.PREVIOUS_UNKNOWN,
        Why.PREVIOUS_MISSING,
    ]
    said = [(event.previous[0].knowledge_as_of, event.previous[0].incomplete) for event in refused]
    assert said == [("w-9", None), ("w-5", True), (None, None), ("w-9", None)]
    assert rig.cycle(6, code="CELL00000001") == 3
    rig.said["CELL00000002"] = done  # corrected over there
    assert rig.cycle(7, code="CELL00000002") == 1
