"""What carriers record and what is remembered of them, to the last field (D-28)."""

from dataclasses import replace

from agent.core import carriers
from agent.core.events import (
    AgentStarted,
    CarrierConflict,
    CarrierLoaded,
    CarrierUnloaded,
    Certainty,
    CodeScanned,
    UnitCompleted,
    UnitUnbound,
    Why,
)
from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.parts import LONG_AGO
from agent.core.station import Pairing, Strategy
from drivers.base import CodeScanned as CodeSeen
from tests.core_rig import END, PRESS, RULES, Rig
from tests.whole import whole

TYPED = ScanRule(match=RegexMatch(pattern=r"(?P<product>[A-Z])U-\d+"), means=Means.UNIT)
PALLETS = Pairing(
    strategy=Strategy.CARRIER,
    window_ms=5_000,
    settle_ms=200,
    load=("loader",),
    unload=("unloader",),
)
LINE = replace(
    PRESS, pairing=PALLETS, handshakes=(replace(END, unit="code"),), scans=(TYPED, *RULES)
)


class Line(Rig):
    """A pallet line with its links up."""

    def __init__(self) -> None:
        super().__init__(LINE)
        for reader in ("loader", "unloader"):
            self.link(reader, up=True)
        self.up()

    def at(self, reader: str, code: str) -> CodeScanned:
        """Let a reader send a code, and return its scan."""
        self.turn(500)
        self.ms += 20
        self.observe(CodeSeen, device=reader, earliest_ms=self.ms - 20, raw=code.encode())
        return self.of(CodeScanned)[-1]


def test_a_unit_is_on_its_carrier_from_the_one_scan_to_the_other() -> None:
    """Loaded between the carrier's scan and the unit's, unloaded within its own."""
    rig = Line()
    carrier, unit = rig.at("loader", "CAR-1"), rig.at("loader", "AU-1")
    (loaded,) = rig.of(CarrierLoaded)
    assert whole(loaded) == {
        "because": (carrier.address, unit.address),
        "carrier": "CAR-1",
        "unit": "AU-1",
        "product": "A",
        "earliest_ms": carrier.earliest_ms,
        "latest_ms": unit.latest_ms,
    }
    assert rig.cycle(1, code="CAR-1") == 1
    (made,) = rig.of(UnitCompleted)
    assert (made.unit, made.product) == ("AU-1", "A")
    scan = rig.at("unloader", "CAR-1")
    (unloaded,) = rig.of(CarrierUnloaded)
    assert whole(unloaded) == {
        "because": (scan.address, loaded.address),
        "carrier": "CAR-1",
        "unit": "AU-1",
        "load": loaded.address,
        "earliest_ms": scan.earliest_ms,
        "latest_ms": scan.latest_ms,
    }


def test_a_second_unit_on_a_carrier_is_a_conflict_of_both() -> None:
    """It names both loads and both units, and neither is certain from then on."""
    rig = Line()
    rig.at("loader", "CAR-1")
    rig.at("loader", "AU-1")
    rig.turn(6_000)
    rig.at("loader", "CAR-1")
    rig.at("loader", "BU-2")
    first, second = rig.of(CarrierLoaded)
    (conflict,) = rig.of(CarrierConflict)
    assert whole(conflict) == {
        "certainty": Certainty.POSSIBLE,
        "why": (Why.CARRIER_CONFLICT,),
        "because": (first.address, second.address),
        "carrier": "CAR-1",
        "units": ("AU-1", "BU-2"),
        "loads": (first.address, second.address),
    }
    rig.cycle(1, code="CAR-1")
    (unbound,) = rig.of(UnitUnbound)
    assert (unbound.candidates, unbound.why) == (("AU-1", "BU-2"), (Why.CARRIER_CONFLICT,))
    assert {first.address, second.address} <= set(unbound.because)


def test_what_was_unloaded_is_forgotten_with_the_next_cycle() -> None:
    """One that began before it was unloaded may still have had it."""
    rig = Line()
    rig.at("loader", "CAR-1")
    rig.at("loader", "AU-1")
    rig.cycle(1, code="CAR-1")
    rig.at("unloader", "CAR-1")
    (gone,) = rig.state.carriers.mounted
    assert (gone.is_open, gone.touched_ms) == (False, rig.ms)
    (made,) = rig.of(UnitCompleted)
    for later_ms, left in ((0, (gone,)), (1, ())):
        event = replace(made, earliest_ms=gone.touched_ms + later_ms)
        assert carriers.EVOLVES[UnitCompleted](rig.state, event).carriers.mounted == left


def test_in_another_boot_what_is_mounted_was_mounted_long_ago() -> None:
    """What had been unloaded is forgotten, and a carrier that waits for its unit as well (D-91)."""
    rig = Line()
    for number in (1, 2):
        rig.at("loader", f"CAR-{number}")
        rig.at("loader", f"AU-{number}")
    rig.at("unloader", "CAR-1")
    rig.at("loader", "CAR-3")
    started = rig.of(AgentStarted)[0]
    fold = carriers.EVOLVES[AgentStarted]
    assert fold(rig.state, started).carriers == rig.state.carriers
    other = replace(started, time=replace(started.time, boot_id="boot-2"))
    after = fold(rig.state, other).carriers
    assert (after.loading, [each.unit for each in after.mounted]) == (None, ["AU-2"])
    assert after.mounted == (replace(rig.state.carriers.mounted[1], touched_ms=LONG_AGO),)
