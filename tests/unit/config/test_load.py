"""From a station file to the plan of the core and the configuration of the rest."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.app.registries import registries
from agent.config.explain import explained
from agent.config.load import load
from agent.config.loaded import JournalConfig, OperatorsConfig, StationConfig
from agent.config.problems import Place
from agent.core.changing import digest
from agent.core.crew import Crew, Need
from agent.core.identity.scan_rule import Gs1Match, Means, RegexMatch, ScanRule
from agent.core.station import (
    DEFAULT_ANSWERS,
    By,
    Component,
    Counter,
    Handshake,
    Outcome,
    Pairing,
    Policy,
    Ready,
    Station,
    Strategy,
)
from drivers.scanner.options import ScannerOptions
from tests.unit.config.stations import CELL, FILLER, PRESS, edited, loaded

EXAMPLES = [
    path
    for path in sorted((Path(__file__).parents[3] / "config").rglob("*.yaml"))
    if path.parent.name != "plan"  # product lists, no stations
]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_every_example_is_right(file: Path) -> None:
    """Every station file that ships is accepted by the drivers and sinks that ship."""
    assert load(file, registries()).file == str(file)


def test_press_becomes_the_plan_of_the_core() -> None:
    """Each key of a scan-then-cycle station stands in its field, in milliseconds."""
    config = loaded(PRESS)
    assert config.station == Station(
        path="acme/press-07",
        machine="press-07",
        config=config.hash,
        by=By.SERIAL,
        pairing=Pairing(
            strategy=Strategy.SCAN_THEN_CYCLE, window_ms=20_000, settle_ms=150, late_ms=1000
        ),
        handshakes=(
            Handshake(
                name="end",
                device="plc",
                trigger="trigger",
                request="request",
                modulus=65_536,
                guard=("counter",),
                values=("force",),
                unit=None,
                verdict="verdict",
                result="result",
                ack="ack",
                answer_within_ms=4000,
            ),
        ),
        scans=(
            ScanRule(match=RegexMatch(pattern=r"OP-(?P<operator>\d{4})"), means=Means.OPERATOR),
            ScanRule(match=RegexMatch(pattern=r"WO-(?P<order>\d{6})"), means=Means.ORDER),
            ScanRule(
                match=Gs1Match(ais=frozenset({"01", "10"})),
                means=Means.COMPONENT,
                position="housing",
            ),
            ScanRule(match=Gs1Match(ais=frozenset({"01", "21"})), means=Means.UNIT),
        ),
        no_reads={"scanner": frozenset({b"NOREAD", b"NR"})},
        crew=Crew(needs=(Need(),)),
        requires_order=Policy.RECORD,
        components=(
            Component(
                position="housing",
                by=By.LOT,
                required=True,
                uncertainty_ms=30_000,
                lag_min_ms=1000,
                lag_max_ms=20_000,
            ),
        ),
        ready=Ready(device="plc", tag="ready", reason=None),
        answers={**DEFAULT_ANSWERS, Outcome.DUPLICATE: 13},
        operator_idle_ms=8 * 3_600_000,
        units={"force": "kN"},
        devices=("plc", "scanner"),
        timezone="Europe/Vienna",
        people=f"pseudonym {digest('credential:operator-key')}",
        sources=config.station.sources,
    )


def test_a_scanner_says_whether_its_codes_may_be_keyed() -> None:
    """Nobody may unless it says so (D-85), and the station is told back with it."""
    assert loaded(PRESS).station.keyed == ()
    assert "by hand" not in explained(loaded(PRESS))
    keyed = loaded(edited(PRESS, ("no_read: [NOREAD, NR]", "no_read: [NOREAD, NR], keyed: true")))
    assert keyed.station.keyed == ("scanner",)
    assert "one, codes, also keyed in by hand\n" in explained(keyed)
    assert keyed.station.keyed_twice == ()
    twice = loaded(edited(PRESS, ("no_read: [NOREAD, NR]", "no_read: [NOREAD, NR], keyed: twice")))
    assert twice.station.keyed == ("scanner",)
    assert twice.station.keyed_twice == ("scanner",)
    assert "one, codes, also keyed in by hand, twice\n" in explained(twice)


def test_filler_becomes_the_plan_of_the_core() -> None:
    """A counting station has a counter, a source of its lot and order, and no handshake."""
    config = loaded(FILLER)
    assert config.station == Station(
        path="acme/filler",
        machine="filler",
        config=config.hash,
        by=By.LOT,
        pairing=Pairing(strategy=Strategy.COUNT_ONLY, window_ms=30_000, settle_ms=200),
        counter=Counter(device="plc", tag="bottles", modulus=10**6, max_step=50, fastest_ms=100),
        lot="lot",
        lot_device="plc",
        order="order",
        order_device="plc",
        ready=Ready(device="plc", tag="ready", reason="reason"),
        devices=("plc",),
        timezone=config.timezone,
        people=config.station.people,
        sources=config.station.sources,
    )


def test_a_tag_is_known_by_where_it_is() -> None:
    """Another address or another endpoint is another tag; what else a device says is not."""

    def sources(*changes: tuple[str, str]) -> Mapping[str, str]:
        return loaded(edited(PRESS, *changes)).station.sources

    before = sources()
    moved = sources(("s=Count", "s=Counter2"))
    assert {tag for tag in before if before[tag] != moved[tag]} == {"counter"}
    assert not set(before.values()) & set(sources(("127.0.0.1:4840", "127.0.0.1:4841")).values())
    assert sources(("modulus: 65536", "modulus: 100"), ("measure: kN", "measure: N")) == before


def test_people_are_known_by_how_they_are_written() -> None:
    """Another mode or another key, and a person has another name."""

    def people(operators: str) -> str:
        text = edited(
            PRESS, ("{mode: pseudonym, key: credential:operator-key, idle: 8h}", operators)
        )
        return loaded(text).station.people

    assert people("{mode: pseudonym, key: credential:operator-key}") == loaded(PRESS).station.people
    ways = ["{mode: clear}", "{mode: pseudonym}", "{mode: pseudonym, key: credential:other}"]
    assert len({people(way) for way in ways} | {loaded(PRESS).station.people}) == 4


def test_cell_takes_the_code_from_its_tag() -> None:
    """The tag that carries the code is a tag of the handshake."""
    (end,) = loaded(CELL).station.handshakes
    assert end.snapshot_guard == ("trigger", "request")
    assert end.snapshot_tags == ("code",)


def test_what_may_be_written_two_ways_is_one() -> None:
    """A list or a single name, a list of requirements or a mapping, ready here or there."""
    text = edited(
        PRESS,
        ("guard: counter", "guard: [counter]"),
        ("values: [force]", "values: force"),
        ("    ready: ready\n", ""),
        ("  components:", "  ready: {tag: ready}\n  components:"),
    )
    one, other = loaded(PRESS).station, loaded(text).station
    assert one.handshakes == other.handshakes
    assert one.ready == other.ready
    listed = loaded(edited(PRESS, ("{operator: refuse, order: record}", "[operator]"))).station
    assert (listed.crew.needs, listed.requires_order) == ((Need(),), None)


def test_scanned_lot_has_no_tag() -> None:
    """`lot: scan` leaves the lot to the scan rules."""
    text = edited(
        FILLER,
        ("lot: {tag: lot}", "lot: scan"),
        ("track:\n", 'scans:\n  - {match: {gs1: ["01", "10"]}, means: lot}\ntrack:\n'),
    )
    assert (loaded(text).station.lot, loaded(text).station.lot_device) == (None, None)


def test_rest_of_the_file_is_for_the_rim() -> None:
    """Zone, operators, journal and the reason of the level are kept beside the plan."""
    journal = "journal: {path: /var/lib/lineside/press, keep: 12h, quota: 512MiB}\ndevices:\n"
    config = loaded(edited(PRESS, ("devices:\n", journal)))
    assert (config.timezone, config.because) == ("Europe/Vienna", "regulated")
    assert config.operators == OperatorsConfig(
        mode="pseudonym", key="credential:operator-key", place=Place(5, 35)
    )
    assert config.journal == JournalConfig(
        path=Path("/var/lib/lineside/press"),
        keep_s=43_200.0,
        quota_bytes=512 * 2**20,
        place=Place(6, 17),
    )
    assert loaded(PRESS).journal.path is None


def test_devices_know_their_options_and_tags() -> None:
    """A device has its driver's options and this station's tags; handshake tags are fast."""
    devices = loaded(PRESS).devices
    assert devices["scanner"].options == ScannerOptions(
        port="/dev/serial/by-id/one", no_read=("NOREAD", "NR")
    )
    assert (devices["scanner"].shareable, devices["scanner"].tags) == (False, ())
    plc = devices["plc"]
    assert (plc.driver, plc.endpoint, plc.shareable) == (
        "opcua",
        "opc.tcp://127.0.0.1:4840",
        True,
    )
    assert [tag.name for tag in plc.tags if tag.write] == ["result", "ack", "ready"]
    assert [tag.name for tag in plc.tags if tag.fast] == ["trigger", "request"]


def test_sinks_know_their_options() -> None:
    """A sink has its options, whether it is required, and which kinds it gets."""
    sinks = loaded(PRESS).sinks
    assert (sinks["plant"].sink, sinks["plant"].required, sinks["plant"].kinds) == (
        "mqtt",
        True,
        None,
    )
    assert (sinks["audit"].sink, sinks["audit"].required, sinks["audit"].kinds) == (
        "file",
        False,
        frozenset({"unit_completed"}),
    )


def test_running_agent_can_name_the_line() -> None:
    """What fails while running is named with the place where it is configured."""
    config: StationConfig = loaded(PRESS)
    assert config.where("force") == "f:13:3"
    assert config.where("plc") == "f:7:3"
    assert config.where("audit") == "f:43:3"
    assert config.where("nobody") == "f"


SAME = {
    "comments": ("station:", "# a comment\n\nstation:"),
    "quotes": ("machine: press-07", 'machine: "press-07"'),
    "order of keys": (
        "machine: press-07\ntimezone: Europe/Vienna",
        "timezone: Europe/Vienna\nmachine: press-07",
    ),
    "form of a mapping": ("answers: {duplicate: 13}", "answers:\n    duplicate: 13"),
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_hash_is_of_what_a_file_says(change: tuple[str, str]) -> None:
    """How a file is written does not change its hash."""
    assert loaded(edited(PRESS, change)).hash == loaded(PRESS).hash


def test_hash_changes_with_every_value() -> None:
    """What a file says does, down to a default that is written out."""
    texts = [
        PRESS,
        edited(PRESS, ("window: 20s", "window: 21s")),
        edited(PRESS, ("  because: regulated\n", "")),
        edited(PRESS, ("  because: regulated\n", "  because: regulated\n  duplicates: refuse\n")),
    ]
    assert len({loaded(text).hash for text in texts}) == len(texts)
    assert len(loaded(PRESS).hash) == 64
