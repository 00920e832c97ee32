"""The line of config/assembly-line: a press with a counter, then a station with an interlock."""

from dataclasses import replace
from pathlib import Path

from agent.app.registries import registries
from agent.config.load import load_folder
from agent.core.events import (
    Certainty,
    ComponentInstalled,
    CycleAborted,
    CycleMissed,
    Result,
    UnitCompleted,
    UnitEvent,
    UnitRefused,
    UnitScrapped,
    Why,
)
from agent.core.state import Ask, Decision, LookupAsk
from agent.core.station import Station
from drivers.base import AskAnswered, PreviousSeen
from tests import knowledge
from tests.core_rig import Rig

FOLDER = Path(__file__).parents[3] / "config" / "assembly-line"


def stations() -> dict[str, Station]:
    """Return the plans of the line, by machine."""
    found = load_folder(FOLDER, registries())
    assert found.refused == {}
    return {config.station.machine: config.station for config in found.stations}


class Press(Rig):
    """The press: a stroke is a trigger and a step of the counter."""

    def __init__(self) -> None:
        super().__init__(stations()["press-1"])
        self.tags |= {"stroke": False, "pieces": 99_997, "force": 61.0, "ok": True}
        self.up()

    def stroke(self, unit: str = "", *, ok: bool = True) -> UnitEvent:
        """Scan a housing, press it, and return its record."""
        self.turn(3_000)
        if unit:
            self.scan(unit)
        pieces = (int(self.tags["pieces"]) + 1) % 100_000
        self.plc(stroke=True, pieces=pieces, ok=ok)
        self.answer()
        self.turn(self.station.pairing.settle_ms + 1)
        self.answer()
        self.due()
        self.plc(stroke=False)
        self.due()
        return self.units()[-1]


class Screw(Rig):
    """The screwdriver: it asks before and after, and knows what the press has done."""

    def __init__(self, press: Press) -> None:
        self.press, self.asked, self.stored = press, 0, 0
        super().__init__(stations()["screw-2"])
        self.tags |= {"ask": False, "ask_request": 0, "store": False, "store_request": 0}
        self.tags |= {"torque": 2.5, "verdict": True, "open": False}
        self.up()

    def look_up(self, ask: Ask | None = None, *, known: bool = True) -> Decision:
        """Answer with what the press says of the unit besides."""
        ask = ask or self.open_ask()
        assert isinstance(ask, LookupAsk)
        done = [e for e in self.press.of(UnitCompleted) if e.unit == ask.unit]
        seen = PreviousSeen(
            station=self.press.station.path,
            known=known,
            address=done[-1].address if done else None,
            result=done[-1].result if done else None,
            as_of=self.press.events[-1].address,
        )
        facts = knowledge.of_unit(self.events, ask.unit, ask.handshake)
        return self.observe(
            AskAnswered,
            ask=ask.id,
            known=True,
            knowledge_as_of=self.events[-1].address,
            previous=(seen,),
            **facts,
        )

    def ask_for(self, *codes: str) -> int:
        """Scan what is at hand, ask whether the housing may run here, and return the answer."""
        for code in codes:
            self.turn(1_200)
            self.scan(code)
        self.asked += 1
        return self._handshake("ask", self.asked)

    def store_it(self, **tags: float | bool) -> int:
        """Let the screwdriver work and store, and return the answer."""
        self.turn(8_000)
        self.tags |= tags
        self.stored += 1
        return self._handshake("store", self.stored)

    def _handshake(self, name: str, request: int) -> int:
        self.turn(500)
        self.plc(**{name: True, f"{name}_request": request})
        self.answer()
        self.turn(self.station.pairing.settle_ms + 1)
        self.answer()
        self.due()
        answer = int(self.device[f"{name}_result"])
        assert self.device[f"{name}_ack"] is True
        self.plc(**{name: False})
        self.due()
        return answer

    def declined(self) -> UnitRefused:
        """Return the newest refusal."""
        return self.of(UnitRefused)[-1]


def test_a_press_that_only_counts_knows_its_strokes() -> None:
    """Each stroke is bound or told apart; what was pressed unseen is counted, over its rollover."""
    press = Press()
    first = press.stroke("HSG00000001")
    assert (first.kind, first.certainty, first.count) == (
        "unit_completed",
        Certainty.CERTAIN,
        99_998,
    )
    assert first.values[0].measure == "kN"
    assert press.stroke().why == (Why.NO_SCAN,)
    press.turn(9_000)
    press.tags["pieces"] = 2  # three more while nobody looked: 0, 1, 2
    late = press.stroke("HSG00000002")
    (missed,) = press.of(CycleMissed)
    assert (missed.n, missed.from_count, missed.to_count) == (3, 99_999, 3)
    assert isinstance(late, UnitCompleted)
    nok = press.stroke("HSG00000003", ok=False)
    assert (nok.answer, press.of(UnitCompleted)[-1].result) == (2, Result.NOK)
    press.scan("HSG00000004")
    press.restart()
    press.up()
    after = press.stroke()
    assert (after.unit, after.certainty) == ("HSG00000004", Certainty.POSSIBLE)


def test_a_housing_gets_a_screw_when_all_is_as_it_must_be() -> None:
    """Pressed as OK, operator, ECU and screws there: let in, worked, stored with all of it."""
    press = Press()
    screw = Screw(press)
    press.stroke("HSG00000001")
    assert screw.ask_for("HSG00000001") == 6
    assert screw.declined().reason is Why.OPERATOR_MISSING
    assert screw.ask_for("OP-4711", "HSG00000001") == 6
    assert screw.declined().missing == ("ecu", "screws")
    assert screw.ask_for("SCREWS-B0012", "ECU00000001", "HSG00000001") == 1
    assert screw.store_it() == 1
    done = screw.of(UnitCompleted)[-1]
    assert (done.unit, done.certainty, done.visit) == ("HSG00000001", Certainty.CERTAIN, 1)
    assert [use.candidates for use in done.components] == [("ECU00000001",), ("SCREWS-B0012",)]
    assert screw.of(ComponentInstalled)[-1].unit == "HSG00000001"
    assert done.values[0].verdict == "ok"


def test_the_interlock_names_what_is_wrong() -> None:
    """Not pressed, pressed as NOK, not to be known, an ECU of another housing, scrap (D-38)."""
    press = Press()
    screw = Screw(press)
    press.stroke("HSG00000001")
    press.stroke("HSG00000002", ok=False)
    press.stroke("HSG00000003")
    screw.scan("OP-4711")
    screw.scan("SCREWS-B0012")
    screw.scan("ECU00000001")
    assert screw.ask_for("HSG00000009") == 5
    assert screw.declined().reason is Why.PREVIOUS_MISSING
    assert screw.ask_for("HSG00000002") == 5
    assert screw.declined().reason is Why.PREVIOUS_NOK
    assert screw.ask_for("HSG00000001") == 1
    assert screw.store_it() == 1
    assert screw.ask_for("ECU00000001", "HSG00000003") == 3
    assert screw.declined().reason is Why.CONFLICT
    screw.scan("UNDO")
    assert screw.ask_for("ECU00000002", "HSG00000003") == 1
    assert screw.store_it(torque=2.9) == 2
    assert screw.ask_for("ECU00000003", "HSG00000001") == 3  # it was OK: a duplicate
    screw.scan("UNDO")
    assert screw.ask_for("ECU00000002", "HSG00000003") == 1  # it was NOK: once more
    assert screw.store_it(torque=2.5) == 1
    assert screw.of(UnitCompleted)[-1].visit == 2
    screw.turn(1_200)
    screw.scan("SCRAP CRACK")
    screw.turn(1_200)
    screw.scan("HSG00000001")
    assert screw.of(UnitScrapped)[-1].reason == "CRACK"
    assert screw.ask_for("ECU00000001", "HSG00000001") == 6
    assert screw.declined().reason is Why.SCRAPPED


def test_a_housing_that_is_taken_out_has_no_end() -> None:
    """The fixture opens between the two questions: it is told, and the next one is certain."""
    press = Press()
    screw = Screw(press)
    for unit in ("HSG00000001", "HSG00000002"):
        press.stroke(unit)
    screw.scan("OP-4711")
    screw.scan("SCREWS-B0012")
    assert screw.ask_for("ECU00000001", "HSG00000001") == 1
    screw.plc(open=True)
    screw.plc(open=False)
    assert [event.reason for event in screw.of(CycleAborted)] == ["part_removed"]
    screw.scan("UNDO")  # its ECU was in it
    assert screw.ask_for("ECU00000002", "HSG00000002") == 1
    assert screw.store_it() == 1
    done = screw.of(UnitCompleted)[-1]
    assert (done.unit, done.certainty) == ("HSG00000002", Certainty.CERTAIN)
    assert done.components[0].certainty is Certainty.CERTAIN


def test_the_fold_of_the_line_is_its_state() -> None:
    """What the two stations know after a shift is what their events say."""
    press = Press()
    press.stroke("HSG00000001")
    before = replace(press.state, epoch="", seq=0)
    press.restart()
    after = replace(press.state, epoch="", seq=0)
    assert after.cycle.answered == before.cycle.answered
