"""Which devices are watched, and what is said of it."""

import pytest

from agent.config.explain import explained
from agent.core.station import Watch
from tests.unit.config.stations import PRESS, edited, loaded, problems

TAGS = (
    "scans:\n",
    (
        '  beat: {device: plc, node: "nsu=urn:a;s=Beat"}\n'
        '  alive: {device: plc, node: "nsu=urn:a;s=Alive", write: true, modulus: 2^16}\n'
        '  boots: {device: plc, node: "nsu=urn:a;s=Boots"}\n'
        '  life: {device: plc, node: "nsu=urn:a;s=Life"}\n'
        "scans:\n"
    ),
)
ALL = (
    "{heartbeat: beat, within: 3s, agent_heartbeat: alive, every: 500ms, "
    "boots: boots, memory_lost: life}"
)


def watched(watch: str, *changes: tuple[str, str]) -> str:
    """Return the press with a watch of its PLC."""
    section = f"track:\n  watch: {{plc: {watch}}}\n"
    return edited(PRESS, ("track:\n", section), TAGS, *changes)


def test_a_device_is_watched_by_its_tags() -> None:
    """A press without `watch` watches nothing."""
    assert loaded(PRESS).station.watches == ()
    (watch,) = loaded(watched(ALL)).station.watches
    assert watch == Watch(
        device="plc",
        heartbeat="beat",
        within_ms=3_000,
        agent_heartbeat="alive",
        every_ms=500,
        modulus=65_536,
        boots="boots",
        memory_lost="life",
    )


def test_it_is_told_in_plain_words() -> None:
    """What is believed, and until when."""
    lines = [line for line in explained(loaded(watched(ALL))).splitlines() if "watches" in line]
    assert lines == [
        (
            "  watches    plc is believed while 'beat' changes within 3s; else no cycle is taken "
            "and the station is not ready"
        ),
        "  watches    plc sees 'alive' change every 500ms",
        "  watches    when 'boots' changes, plc has started: all is read again",
        (
            "  watches    when 'life' changes, plc has lost its memory: what is open is aborted, "
            "every request is new"
        ),
    ]
    clock = explained(loaded(watched("{clock_within: 2s}")))
    assert "  watches    a clock of plc that is more than 2s from ours is a fault" in clock
    assert "clock of" not in explained(loaded(watched(ALL)))
    assert "believed" not in explained(loaded(watched("{agent_heartbeat: alive}")))
    assert "sees" not in explained(loaded(watched("{heartbeat: beat}")))


def test_a_clock_is_watched_without_a_tag() -> None:
    """The times of whatever changes tell it; five minutes are allowed where nothing is said."""
    (watch,) = loaded(watched("{clock_within: 2s}")).station.watches
    assert watch == Watch(device="plc", clock_within_ms=2_000)
    station = loaded(PRESS).station
    assert (station.clock_within_ms("plc"), station.clock_within_ms("scanner")) == (300_000,) * 2


SLIPS = {
    "no such device": (
        ALL,
        ("{plc: {heart", "{plk: {heart"),
        ["f:28:11: track.watch.plk: no device 'plk'; did you mean 'plc'?"],
    ),
    "nothing to watch": (
        "{}",
        None,
        [
            (
                "f:28:11: track.watch.plc: watches nothing; give one of heartbeat, "
                "agent_heartbeat, boots, memory_lost"
            )
        ],
    ),
    "a time without its tag": (
        "{heartbeat: beat, every: 1s}",
        None,
        ["f:28:34: track.watch.plc.every: `every` needs `agent_heartbeat`; remove it"],
    ),
    "a tag that is not there": (
        "{heartbeat: beet}",
        None,
        ["f:28:28: track.watch.plc.heartbeat: no tag 'beet'; did you mean 'beat'?"],
    ),
    "a tag of another device": (
        "{heartbeat: beat}",
        ("  beat: {device: plc,", "  beat: {device: other,"),
        [
            (
                "f:29:28: track.watch.plc.heartbeat: 'beat' is on other, not on plc; "
                "a device is watched by its own tags"
            )
        ],
    ),
    "a heartbeat that cannot be written": (
        ALL,
        (", write: true, modulus: 2^16", ""),
        [
            (
                "f:19:10: tags.alive: is written as agent_heartbeat but not declared for it; "
                "add write: true"
            )
        ],
    ),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_watch_that_cannot_work_is_refused(name: str) -> None:
    """Where it stands, and what to do."""
    watch, change, says = SLIPS[name]
    text = watched(watch, *([change] if change else []))
    if "other" in says[0]:
        device = 'devices:\n  other: {driver: opcua, url: "opc.tcp://127.0.0.1:4899"}\n'
        text = edited(text, ("devices:\n", device))
    assert problems(text) == says
