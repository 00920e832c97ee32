"""What key figures are measured against: declared, checked, told back (D-99, D-104, D-109)."""

from datetime import date
from pathlib import Path

import pytest

from agent.app.registries import registries
from agent.config.explain import explained
from agent.config.load import load
from agent.config.loaded import OeeConfig
from agent.config.problems import ConfigError
from agent.core.calendars import Calendar, Shift, Span, Stop
from agent.core.meter import MeterPlan
from agent.core.oee import Rules
from tests.unit.config.stations import FILLER, PRESS, edited, loaded, problems

SHIFTS = '{early: {time: "06:00-14:00", days: [mon, fri], breaks: ["09:00-09:15"]}}'
EARLY = Shift(
    name="early",
    span=Span(begin=360, end=840),
    days=frozenset({0, 4}),
    breaks=(Span(begin=540, end=555),),
)


def asked(oee: str, text: str = PRESS) -> str:
    """Return a station with a section `oee`."""
    return edited(text, ("track:\n", f"oee: {oee}\ntrack:\n"))


def told(text: str) -> list[str]:
    """Return what is told of measuring."""
    lines = explained(loaded(text)).splitlines()
    return [line.removeprefix("  measures   ") for line in lines if "  measures  " in line]


def test_everything_that_can_be_declared() -> None:
    """Shifts, times per piece with their fractions, stops by the clock on the wall."""
    config = loaded(
        asked(
            f"{{ideal_cycle: 65.45ms, ideal_cycles: {{A-1: 9s}}, shifts: {SHIFTS}, "
            'closed: ["2026-12-24"], stops: ["2026-12-01T10:00/2026-12-01T12:00"], '
            "small_stop: 30s, rework_counts: true, every: 5s}"
        )
    )
    stop = Stop(begin_ms=1_796_115_600_000, end_ms=1_796_122_800_000)
    assert config.oee == OeeConfig(
        is_asked=True,
        plan=MeterPlan(
            rules=Rules(watches_state=False, rework_counts=True),
            ideal_us=65_450,
            ideals_us={"A-1": 9_000_000},
            small_stop_ms=30_000,
        ),
        calendar=Calendar(shifts=(EARLY,), closed=frozenset({date(2026, 12, 24)}), stops=(stop,)),
        every_s=5.0,
    )


def test_what_a_station_lacks_is_told() -> None:
    """Nothing is assumed: who reads `check` sees which figure there will not be."""
    assert told(asked("{}")) == [
        "no availability: no `shifts`",
        "no availability: no `track.state`",
        "no performance: no `ideal_cycle`",
    ]
    text = asked(f"{{ideal_cycle: 2s, ideal_cycles: {{A: 1s}}, small_stop: 30s, shifts: {SHIFTS}}}")
    assert told(text) == [
        "shift early 06:00-14:00, less 09:00-09:15",
        "a piece should take 2s",
        "a piece of A should take 1s",
        "stops under 30s lower performance",
        "no availability: no `track.state`",
    ]
    counting = edited(
        asked("{ideal_cycle: 1s}", FILLER), ("track:\n", "track:\n  state: {ideal: 2s}\n")
    )
    assert told(counting) == [
        "a piece should take 1s",
        "no availability: no `shifts`",
        "no quality: no verdict and no limits",
    ]
    plan = loaded(counting).oee.plan
    assert (plan.modulus, plan.rules.has_counter, plan.rules.judges) == (10**6, True, False)
    assert told(PRESS) == []
    assert loaded(PRESS).oee.is_asked is False


def test_products_are_known_by_all_of_their_names() -> None:
    """What codes and orders call a product leads to its name."""
    text = edited(
        asked("{ideal_cycles: {A-100: 9s}}"),
        ("  requires:", "  order: {products: {A-100: [valve, '09506000134352']}}\n  requires:"),
    )
    assert loaded(text).oee.plan.names == {"valve": "A-100", "09506000134352": "A-100"}


SLIPS = {
    '{shifts: {a: {time: "6-14", days: [mon]}}}': [
        (
            "f:23:26: oee.shifts.a.time: '6-14' is no span of a day; write it in quotes, "
            '"06:00-14:00"'
        )
    ],
    '{shifts: {a: {time: "06:00-14:00", days: [mo]}}}': [
        (
            "f:23:48: oee.shifts.a.days[0]: 'mo' is no day; "
            "the days are mon, tue, wed, thu, fri, sat, sun"
        )
    ],
    "{ideal_cycle: 0s}": [
        "f:23:20: oee.ideal_cycle: nothing is made in no time; write how long one piece takes"
    ],
    "{ideal_cycle: 12}": [
        "f:23:20: oee.ideal_cycle: 12 is not a duration; write a number with ms, s, min, h or d"
    ],
    '{closed: ["2026-13-01"]}': [
        "f:23:16: oee.closed[0]: '2026-13-01' is no date; write it in quotes, \"2026-12-24\""
    ],
    '{closed: ["2026-12-24"]}': ["f:23:15: oee.closed: `closed` needs `shifts`"],
    '{stops: ["now"]}': [
        (
            "f:23:15: oee.stops[0]: 'now' is no stop; write it in quotes, local: "
            '"2026-12-01T10:00/2026-12-01T12:00"'
        )
    ],
    '{stops: ["2026-12-32T10:00/2026-12-01T10:00"]}': [
        (
            "f:23:15: oee.stops[0]: '2026-12-32T10:00/2026-12-01T10:00' is no stop; "
            'write it in quotes, local: "2026-12-01T10:00/2026-12-01T12:00"'
        )
    ],
    '{stops: ["2026-12-01T10:00/2026-12-01T10:00"]}': [
        (
            "f:23:15: oee.stops[0]: '2026-12-01T10:00/2026-12-01T10:00' ends before it begins; "
            "exchange the two"
        )
    ],
    (
        '{shifts: {a: {time: "06:00-14:00", days: [mon], breaks: ["13:50-14:10"]}, '
        'b: {time: "13:00-15:00", days: [mon]}}}'
    ): [
        "f:23:63: oee.shifts.a.breaks[0]: lies not within the shift",
        "f:23:80: oee.shifts.b: 'a' and 'b' share time of a week; a minute is in one shift",
    ],
    "{shift: 3}": ["f:23:7: oee.shift: unknown key 'shift'; did you mean 'shifts'?"],
}


@pytest.mark.parametrize("oee", SLIPS)
def test_a_slip_is_said_where_it_stands(oee: str) -> None:
    """With what to do about it; nothing is repaired."""
    assert problems(asked(oee)) == SLIPS[oee]


def test_an_ideal_cycle_of_a_product_that_there_is_not() -> None:
    """Where products are declared, it is one of them."""
    products = "products: {valve: {by: serial, ids: V-1}}\n"
    text = edited(
        asked("{ideal_cycles: {vavle: 9s}}"),
        ("track:\n  by: serial", f"{products}track:\n  by: product\n  product: {{tag: force}}"),
        ("  because: regulated\n", ""),
    )
    assert "f:23:22: oee.ideal_cycles.vavle: no product 'vavle'; did you mean 'valve'?" in problems(
        text
    )
    assert loaded(edited(text, ("vavle", "valve"))).oee.plan.names == {"V-1": "valve"}


def test_shifts_can_be_a_file_that_stations_share(tmp_path: Path) -> None:
    """It lies beside the station file; what is wrong in it is named by its own lines."""
    station = tmp_path / "press.yaml"
    station.write_text(asked("{shifts: shifts/plant.yaml, closed: ['2026-12-24']}"))
    with pytest.raises(ConfigError) as missing:
        load(station, registries())
    assert [str(problem).partition(": ")[2] for problem in missing.value.problems] == [
        "oee.shifts: the shifts of 'shifts/plant.yaml' cannot be used",
        "cannot be read: No such file or directory",
    ]
    folder = tmp_path / "shifts"
    folder.mkdir()
    shared = folder / "plant.yaml"
    shared.write_text(f'shifts: {SHIFTS}\nclosed: ["2026-12-25"]\n')
    config = load(station, registries())
    assert config.oee.calendar == Calendar(
        shifts=(EARLY,), closed=frozenset({date(2026, 12, 24), date(2026, 12, 25)})
    )
    assert config.oee.shifts == "shifts/plant.yaml"
    shared.write_text("shifts: {}\nclosed: [yes]\n")
    with pytest.raises(ConfigError) as wrong:
        load(station, registries())
    assert all(str(problem).startswith(f"{shared}:") for problem in wrong.value.problems)
    assert len(wrong.value.problems) == 2


def test_a_bench_is_judged_by_a_person() -> None:
    """Where a code means NOK there is a quality, and a scan that is refused is no piece."""
    bench = Path(__file__).parents[3] / "config" / "manual-bench.example.yaml"
    text = bench.read_text(encoding="utf-8")
    plan = loaded(text).oee.plan
    assert (plan.rules.judges, plan.refused_is_made) == (True, False)
    rule = next(line for line in text.splitlines() if "means: nok" in line)
    assert not loaded(edited(text, (f"{rule}\n", ""))).oee.plan.rules.judges
    assert loaded(PRESS).oee.plan.refused_is_made
