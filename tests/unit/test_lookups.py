"""Look-ups: what the store says, and what is still on its way to disk."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from agent.core.events import (
    Certainty,
    ComponentInstalled,
    ComponentRemoved,
    EventCorrected,
    EventTime,
    Result,
    UnitCompleted,
    UnitPacked,
    UnitReidentified,
    UnitReworked,
    UnitScrapped,
    UnitUnpacked,
)
from agent.lookups import MOST_EXPECTED, MOST_RECENT, Lookups
from agent.ports import Address, ComponentSeen, ContentsSeen, UnitSeen
from drivers.base import ClockState
from tests.doubles import settled

EPOCH = "000002-bbbb0002"
NEVER = UnitSeen(address=None, kind=None, result=None, visits=0, as_of=f"{EPOCH}-10")


class Store:
    """A store that answers when the test lets it."""

    def __init__(self, seen: UnitSeen = NEVER, names: tuple[str, ...] = ()) -> None:
        self.seen = seen
        self.names = names
        """What each unit is known by."""
        self.moved = ComponentSeen(address=f"{EPOCH}-9", unit="SN-9", as_of=f"{EPOCH}-10")
        self.asked: list[str] = []
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.error: Exception | None = None
        self.homes: dict[str, str] | None = None
        """What each is in; None: each component is in the same unit."""
        self.reached: list[str] = []
        self.is_still_true = True
        """Whether what was answered holds, as far as others are concerned."""

    async def reach(self, address: Address) -> None:
        """Know an event from now on."""
        self.reached.append(str(address))
        self.seen = replace(self.seen, as_of=str(address))
        self.moved = replace(self.moved, as_of=str(address))

    def blocked(self, names: Iterable[str]) -> tuple[str, ...]:
        """Hold every lot of this name blocked."""
        return tuple(name for name in names if name == "L-BAD")

    def is_current(self, seen: UnitSeen) -> bool:
        """Say what the test wants."""
        return bool(seen) and self.is_still_true

    async def unit_seen(self, unit: str, handshake: str) -> UnitSeen:
        """Answer, or fail."""
        del handshake
        self.asked.append(unit)
        await self.is_open.wait()
        if self.error is not None:
            raise self.error
        return self.seen

    async def event_seen(self, _address: Address) -> None:
        """Know no event."""

    async def component_seen(self, component: str) -> ComponentSeen:
        """Answer, or fail."""
        self.asked.append(component)
        homes = self.homes if self.homes is not None else {component: "SN-9"}
        unit = homes.get(component)
        return replace(self.moved, unit=unit)

    async def contents_seen(self, parent: str) -> ContentsSeen:
        """Answer."""
        inside = [code for code, home in (self.homes or {}).items() if home == parent]
        return ContentsSeen(
            children=tuple(code for code in inside if not code.startswith("ECU")),
            components=tuple(code for code in inside if code.startswith("ECU")),
            names=self.names,
        )


def completed(seq: int, unit: str = "SN-1") -> UnitCompleted:
    """Return a unit's completion."""
    return UnitCompleted(
        epoch=EPOCH,
        seq=seq,
        station="a/b",
        config="c",
        time=EventTime(
            received_ms=1, offset_min=0, boottime_ms=1, boot_id="b", clock_state=ClockState.SYNCED
        ),
        machine="b",
        certainty=Certainty.CERTAIN,
        unit=unit,
        cycle="c-1",
        handshake="end",
        generation=1,
        answer=1,
        earliest_ms=1,
        latest_ms=1,
        result=Result.OK,
        visit=1,
    )


async def test_what_is_on_its_way_counts_as_known() -> None:
    """A planned completion that the store cannot know yet is in the answer."""
    lookups = Lookups(Store(), EPOCH)
    lookups.note(completed(11))
    found = await lookups.find("SN-1", "end")
    assert (found.address, found.kind, found.visits) == (f"{EPOCH}-11", "unit_completed", 1)
    assert (found.result, found.done_result) == ("ok", "ok")


async def test_what_the_store_knows_is_not_counted_twice() -> None:
    """An event up to the store's own address is in its answer already."""
    store = Store(UnitSeen(address="x", kind="unit_completed", result="ok", visits=1, as_of="e-1"))
    lookups = Lookups(store, "e")
    lookups.note(completed(1))
    assert (await lookups.find("SN-1", "end")).visits == 1


async def test_what_the_store_knows_of_an_older_epoch_is_below_all_of_this_one() -> None:
    """Every event of this run is newer than an answer that ends with the run before."""
    store = Store(UnitSeen(address=None, kind=None, result=None, visits=0, as_of="000001-a-99"))
    lookups = Lookups(store, EPOCH)
    lookups.note(completed(11))
    assert (await lookups.find("SN-1", "end")).visits == 1


async def test_an_expected_unit_is_at_hand_once() -> None:
    """A look-up begun by a scan is there at the trigger, with what came since; then it is used."""
    store = Store()
    lookups = Lookups(store, EPOCH)
    lookups.expect("SN-1", "end")
    await settled()
    lookups.note(completed(11))
    found = lookups.at_hand("SN-1")
    assert found is not None
    assert found.visits == 1
    assert lookups.at_hand("SN-1") is None
    assert store.asked == ["SN-1"]


async def test_what_is_not_there_yet_is_not_at_hand() -> None:
    """Neither an unexpected unit, nor one still looked for, nor a failed look-up is at hand."""
    store = Store()
    lookups = Lookups(store, EPOCH)
    assert lookups.at_hand("SN-1") is None
    store.is_open.clear()
    lookups.expect("SN-1", "end")
    await settled()
    assert lookups.at_hand("SN-1") is None
    store.error = OSError("disk")
    store.is_open.set()
    lookups.expect("SN-1", "end")
    await settled()
    assert lookups.at_hand("SN-1") is None
    await lookups.close()


async def test_an_answer_older_than_memory_is_not_used() -> None:
    """If events since then may have been forgotten, the store is asked again."""
    lookups = Lookups(Store(), EPOCH)
    lookups.expect("SN-1", "end")
    await settled()
    for number in range(MOST_RECENT + 1):
        lookups.note(completed(11 + number, "SN-2"))
    assert lookups.at_hand("SN-1") is None


async def test_scans_that_meet_no_cycle_do_not_pile_up() -> None:
    """Of the units that are expected only the newest are held."""
    lookups = Lookups(Store(), EPOCH)
    for number in range(MOST_EXPECTED + 1):
        lookups.expect(f"SN-{number}", "end")
    await settled()
    assert lookups.at_hand("SN-0") is None
    assert lookups.at_hand("SN-1") is not None


async def test_closing_gives_up_what_is_still_looked_for() -> None:
    """No look-up outlives the engine."""
    store = Store()
    store.is_open.clear()
    lookups = Lookups(store, EPOCH)
    lookups.expect("SN-1", "end")
    await settled()
    await lookups.close()
    assert lookups.at_hand("SN-1") is None


async def test_oldest_is_forgotten_and_the_others_are_not() -> None:
    """Memory is bounded: what leaves it is in the store by then; the rest is found by its unit."""
    lookups = Lookups(Store(), EPOCH)
    lookups.note(completed(11, "SN-OLD"))
    for seq in range(12, 12 + MOST_RECENT):
        lookups.note(completed(seq, f"SN-{seq % 2}"))
    assert (await lookups.find("SN-OLD", "end")).visits == 0
    assert (await lookups.find("SN-0", "end")).visits == MOST_RECENT // 2
    await lookups.close()


async def test_where_a_component_is_counts_what_is_on_its_way() -> None:
    """A planned installation or removal is newer than what the store knows (D-42)."""
    lookups = Lookups(Store(), EPOCH)
    assert (await lookups.find_component("ECU-1")).unit == "SN-9"
    unit = completed(11)
    head = {field: getattr(unit, field) for field in ("epoch", "station", "config", "time")}
    installed = ComponentInstalled(
        **head, seq=12, machine="b", position="ecu", component="ECU-1", unit="SN-1", cycle="c-1"
    )
    lookups.note(installed)
    found = await lookups.find_component("ECU-1")
    assert (found.unit, found.address) == ("SN-1", f"{EPOCH}-12")
    lookups.note(ComponentRemoved(**head, seq=13, machine="b", component="ECU-1"))
    found = await lookups.find_component("ECU-1")
    assert (found.unit, found.address) == (None, f"{EPOCH}-13")
    for number in range(MOST_RECENT):
        lookups.note(replace(installed, component=f"ECU-{number + 2}"))
    assert (await lookups.find_component("ECU-1")).unit == "SN-9"  # by then it is durable
    await lookups.close()


async def test_what_is_in_a_renamed_unit_counts_what_is_on_its_way() -> None:
    """A component put in a moment ago is in the unit by the name that it has by now (D-37)."""
    lookups = Lookups(Store(names=("SN-1", "SN-9")), EPOCH)
    unit = completed(11)
    head = {field: getattr(unit, field) for field in ("epoch", "station", "config", "time")}
    lookups.note(
        ComponentInstalled(
            **head, seq=12, machine="b", position="ecu", component="ECU-1", unit="SN-1", cycle="c-1"
        )
    )
    label = UnitReidentified(
        **head, seq=13, machine="b", unit="SN-1", new="SN-9", who="k:1", reason="label"
    )
    lookups.note(label)
    assert (await lookups.find_component("ECU-1")).unit == "SN-9"
    assert (await lookups.find_package("SN-9")).components == ("ECU-1",)
    lookups.note(replace(label, seq=14, unit="SN-9", new="SN-1"))
    assert (await lookups.find_component("ECU-1")).unit in {"SN-1", "SN-9"}
    await lookups.close()


async def test_a_units_life_counts_what_is_on_its_way() -> None:
    """Scrapped, released or renamed a moment ago is known, though no disk has it yet (D-36)."""
    lookups = Lookups(Store(), EPOCH)
    unit = completed(11)
    head = {field: getattr(unit, field) for field in ("epoch", "station", "config", "time")}
    by = head | {"machine": "b", "who": "k:1", "reason": "r", "unit": "SN-1"}
    lookups.note(UnitReworked(**by, seq=12, visit=2))
    assert (await lookups.find("SN-1", "")).reworked
    lookups.note(completed(13))
    assert not (await lookups.find("SN-1", "")).reworked
    lookups.note(UnitScrapped(**by, seq=15))
    found = await lookups.find("SN-1", "")
    assert (found.scrapped, found.visits) == (True, 1)
    lookups.note(UnitReidentified(**by, seq=16, new="SN-2"))
    assert (await lookups.find("SN-1", "")).as_of == f"{EPOCH}-16"  # waited for: names change
    await lookups.close()


def corrected(seq: int) -> EventCorrected:
    """Return a correction of the event before it."""
    unit = completed(seq)
    head = {field: getattr(unit, field) for field in ("epoch", "station", "config", "time")}
    supersedes = (f"{EPOCH}-{seq - 1}",)
    return EventCorrected(
        **head, seq=seq, machine="b", supersedes=supersedes, reason="wrong label", who="me"
    )


async def test_a_correction_is_waited_for() -> None:
    """What memory cannot merge has to be in the store before it answers; so is what is at hand."""
    store = Store()
    lookups = Lookups(store, EPOCH)
    lookups.expect("SN-1", "end")
    await settled()
    lookups.note(corrected(12))
    assert lookups.at_hand("SN-1") is None
    assert (await lookups.find("SN-1", "end")).as_of == f"{EPOCH}-12"
    assert store.reached == [f"{EPOCH}-12"]
    store.moved = replace(store.moved, as_of=f"{EPOCH}-11")
    assert (await lookups.find_component("ECU-1")).as_of == f"{EPOCH}-12"


async def test_the_run_before_has_to_be_known() -> None:
    """A store that has not taken all of the epoch before is waited for."""
    before = Address("000001-a", 99)
    store = Store(replace(NEVER, as_of=""))
    lookups = Lookups(store, EPOCH, before)
    await lookups.find("SN-1", "end")
    assert store.reached == ["000001-a-99"]


async def test_an_answer_that_others_may_have_overtaken_is_not_at_hand() -> None:
    """A station before this one has learned something since: it is asked again."""
    store = Store()
    lookups = Lookups(store, EPOCH)
    lookups.expect("SN-1", "end")
    await settled()
    store.is_still_true = False
    assert lookups.at_hand("SN-1") is None


async def test_another_name_of_the_unit_counts() -> None:
    """A planned event under any name of a unit is one of it, in the order of the events (D-37)."""
    lookups = Lookups(Store(replace(NEVER, names=("PAPER-1", "SN-1"))), EPOCH)
    lookups.note(completed(11, "SN-1"))
    lookups.note(completed(12, "PAPER-1"))
    found = await lookups.find("SN-1", "end")
    assert (found.visits, found.address) == (2, f"{EPOCH}-12")


async def test_what_is_blocked_is_the_stores_to_say() -> None:
    """Blocks of other stations are known to the store alone."""
    assert Lookups(Store(), EPOCH).blocked(("L-1", "L-BAD")) == ("L-BAD",)


async def test_the_way_out_and_what_is_inside_count_what_is_on_its_way() -> None:
    """A planned packing is newer than the store: to any depth, and inside (D-9, D-42)."""
    store = Store()
    store.homes = {"U-1": "BOX-1", "U-2": "BOX-1", "BOX-1": "PAL-1", "PAL-1": "C-1"}
    store.homes |= {"ECU-1": "U-1", "ECU-2": "U-1"}
    lookups = Lookups(store, EPOCH)
    found = await lookups.find_package("U-1")
    assert (found.within, found.contents) == (("BOX-1", "PAL-1", "C-1"), ())
    assert found.components == ("ECU-1", "ECU-2")
    assert (await lookups.find_package("BOX-1")).contents == ("U-1", "U-2")
    unit = completed(11)
    head = {field: getattr(unit, field) for field in ("epoch", "station", "config", "time")}
    packed = UnitPacked(**head, seq=12, machine="b", level="box", child="U-1", parent="BOX-2", n=1)
    lookups.note(packed)
    lookups.note(
        UnitUnpacked(**head, seq=13, machine="b", child="BOX-1", parent="PAL-1", how="scan")
    )
    found = await lookups.find_package("BOX-1")
    assert (found.within, found.contents) == ((), ("U-2",))
    assert (await lookups.find_package("U-1")).within == ("BOX-2",)
    assert (await lookups.find_package("BOX-2")).contents == ("U-1",)
    lookups.note(ComponentRemoved(**head, seq=14, machine="b", component="ECU-1"))
    installed = ComponentInstalled(
        **head, seq=15, machine="b", position="ecu", component="ECU-3", unit="U-1", cycle="c-1"
    )
    lookups.note(installed)
    assert (await lookups.find_package("U-1")).components == ("ECU-2", "ECU-3")
    await lookups.close()


async def test_what_is_recorded_within_itself_ends_the_way() -> None:
    """A cycle in the records is a data error: nothing loops (D-9)."""
    store = Store()
    store.homes = {"A": "B", "B": "C", "C": "A"}
    lookups = Lookups(store, EPOCH)
    assert (await lookups.find_package("A")).within == ("B", "C")
    await lookups.close()
