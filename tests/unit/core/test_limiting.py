"""Values with limits: their verdicts, and whose word a unit's result is (D-96)."""

from dataclasses import replace

import pytest

from agent.core.bounds import Limit, ResultBy
from agent.core.events import (
    Certainty,
    Limits,
    Result,
    UnitCompleted,
    UnitUnbound,
    Value,
    Verdict,
    Why,
)
from agent.core.station import Station
from drivers.base import Quality, Scalar, SnapshotRead, TagValue
from tests.core_rig import END, PRESS, Rig

FORCE = Limit(tag="force", low=10, high=14.5, low_warn=11, high_warn=14, target=12)


def station_of(
    *limits: Limit, by: ResultBy = ResultBy.WORST, verdict: str | None = "ok"
) -> Station:
    """Return a press whose values have limits."""
    values = ("force", *(limit.tag for limit in limits if limit.tag != "force"))
    end = replace(END, values=values, limits=limits, verdict=verdict)
    return replace(PRESS, handshakes=(end,), result_by=by, units={"force": "kN"})


def made(station: Station, bad: tuple[str, ...] = (), /, **tags: Scalar) -> UnitCompleted:
    """Return the unit of one cycle."""
    rig = Rig(station)
    rig.tags |= tags
    rig.up()
    rig.scan("SN-1")
    rig.turn(500)
    rig.bad = set(bad)
    rig.cycle(1)
    return rig.of(UnitCompleted)[0]


@pytest.mark.parametrize(
    ("force", "verdict", "warning"),
    [
        (9.99, Verdict.LOW, None),
        (10, Verdict.OK, Verdict.LOW),
        (10.5, Verdict.OK, Verdict.LOW),
        (11, Verdict.OK, None),
        (14, Verdict.OK, None),
        (14.01, Verdict.OK, Verdict.HIGH),
        (14.5, Verdict.OK, Verdict.HIGH),
        (14.500001, Verdict.HIGH, None),
        ("12", Verdict.UNKNOWN, None),
        (True, Verdict.UNKNOWN, None),
    ],
)
def test_a_value_is_recorded_with_its_limits_and_its_verdict(
    force: Scalar, verdict: Verdict, warning: Verdict | None
) -> None:
    """Both ends are good; what is no number is not known to be within them."""
    event = made(station_of(FORCE), force=force)
    (value,) = event.values
    limits = Limits(low=10, high=14.5, low_warn=11, high_warn=14, target=12)
    assert value == Value(
        name="force",
        value=force,
        quality=Quality.GOOD,
        measure="kN",
        limits=limits,
        verdict=verdict,
        warning=warning,
    )
    is_ok = verdict is Verdict.OK
    assert (event.result, event.answer) == ((Result.OK, 1) if is_ok else (Result.NOK, 2))
    why = Why.LIMIT_UNKNOWN if verdict is Verdict.UNKNOWN else Why.LIMIT_BREACHED
    assert event.why == (() if is_ok else (why,))
    assert event.certainty is Certainty.CERTAIN  # which unit it was is in no doubt


def test_one_end_alone_judges_that_side() -> None:
    """A value that may be as high as it likes is only ever low."""
    least = Limit(tag="force", low=10)
    assert made(station_of(least), force=9).values[0].verdict is Verdict.LOW
    assert made(station_of(least), force=9_000).values[0].verdict is Verdict.OK
    most = Limit(tag="force", high=10)
    assert made(station_of(most), force=-9_000).values[0].verdict is Verdict.OK
    assert made(station_of(most), force=11).values[0].verdict is Verdict.HIGH


def test_a_value_without_limits_has_no_verdict() -> None:
    """And a unit without any limit says nothing of them."""
    event = made(PRESS)
    assert (event.values[0].limits, event.values[0].verdict) == (None, None)
    assert (event.machine_result, event.limits_result, event.result_by) == (None, None, None)


@pytest.mark.parametrize("quality", [Quality.BAD, Quality.UNCERTAIN])
def test_what_does_not_read_good_is_never_ok(quality: Quality) -> None:
    """An uncertain value within its limits is unknown, and the unit is NOK for it (D-96)."""
    rig = Rig(station_of(FORCE))
    rig.tags["force"] = 12
    rig.up()
    rig.scan("SN-1")
    rig.turn(500)
    rig.plc(trigger=True, request=1, count=1)
    ask = rig.asks.pop()
    seen = TagValue(tag="force", value=None if quality is Quality.BAD else 12, quality=quality)
    others = tuple(
        TagValue(tag=tag, value=rig.tags[tag], quality=Quality.GOOD)
        for tag in ("trigger", "request", "count", "ok")
    )
    rig.observe(
        SnapshotRead,
        device="plc",
        ask=ask.id,
        group="end",
        values=(*others, seen),
        coherent=True,
        tries=1,
    )
    rig.answer()
    (event,) = rig.of(UnitCompleted)
    assert event.values[0].verdict is Verdict.UNKNOWN
    assert (event.result, event.why) == (Result.NOK, (Why.LIMIT_UNKNOWN,))
    assert (event.machine_result, event.limits_result) == (Result.OK, Result.NOK)


# ------------------------------------------------------------------ set-points

SET = Limit(tag="force", low="least", high="most", low_warn="near", target="aim")


def test_set_points_are_read_in_the_same_snapshot() -> None:
    """The recipe's limits of that cycle are what the value is judged by and recorded with."""
    rig = Rig(station_of(SET))
    rig.tags |= {"least": 1, "most": 2.5, "near": 1.2, "aim": 2, "force": 1.1}
    rig.up()
    rig.scan("SN-1")
    rig.turn(500)
    rig.cycle(1)
    rig.turn(500)
    rig.scan("SN-2")
    rig.turn(500)
    rig.cycle(2, least=1.15)  # another recipe
    first, second = (event.values[0] for event in rig.of(UnitCompleted))
    assert first.limits == Limits(low=1, high=2.5, low_warn=1.2, target=2)
    assert (first.verdict, first.warning) == (Verdict.OK, Verdict.LOW)
    assert (second.verdict, second.warning) == (Verdict.LOW, None)


@pytest.mark.parametrize("tag", ["least", "most"])
def test_a_set_point_that_cannot_be_read_judges_nothing(tag: str) -> None:
    """The value is unknown, and it is said which limit was not there."""
    tags: dict[str, Scalar] = {"least": 1, "most": 3, "near": 1, "aim": 2, "force": 2}
    event = made(station_of(SET), (tag,), **tags)
    (value,) = event.values
    assert value.verdict is Verdict.UNKNOWN
    assert value.limits is not None
    assert value.limits.unread == ("low" if tag == "least" else "high",)
    assert event.result is Result.NOK


def test_a_warning_that_cannot_be_read_takes_nothing_away() -> None:
    """Within its limits the value is ok; that it may be near one is not known."""
    tags: dict[str, Scalar] = {"least": 1, "most": 3, "near": 2.5, "aim": 2, "force": 2}
    event = made(station_of(SET), ("near",), **tags)
    assert (event.values[0].verdict, event.values[0].warning) == (Verdict.OK, None)
    assert event.result is Result.OK


def test_limits_that_contradict_each_other_judge_nothing() -> None:
    """A recipe that was filled in the wrong way round makes no value ok."""
    tags: dict[str, Scalar] = {"least": 3, "most": 1, "near": 1, "aim": 2, "force": 2}
    assert made(station_of(SET), **tags).values[0].verdict is Verdict.UNKNOWN


# ------------------------------------------------------------------ whose word it is


@pytest.mark.parametrize(
    ("by", "machine_ok", "force", "result"),
    [
        (ResultBy.WORST, True, 12, Result.OK),
        (ResultBy.WORST, True, 99, Result.NOK),
        (ResultBy.WORST, False, 12, Result.NOK),
        (ResultBy.MACHINE, True, 99, Result.OK),
        (ResultBy.MACHINE, False, 12, Result.NOK),
        (ResultBy.LIMITS, True, 99, Result.NOK),
        (ResultBy.LIMITS, False, 12, Result.OK),
    ],
)
def test_both_words_are_recorded_and_the_rule_is_named(
    by: ResultBy,
    machine_ok: bool,  # noqa: FBT001 - a table
    force: int,
    result: Result,
) -> None:
    """The machine and the limits may differ; whose word counts stands in the event."""
    event = made(station_of(FORCE, by=by), force=force, ok=machine_ok)
    said = Result.OK if machine_ok else Result.NOK
    within = Result.OK if force == 12 else Result.NOK
    assert (event.machine_result, event.limits_result) == (said, within)
    assert (event.result, event.result_by) == (result, by.value)
    assert event.answer == (1 if result is Result.OK else 2)


def test_a_machine_that_cannot_be_read_is_no_ok() -> None:
    """Unless its word is only recorded."""
    event = made(station_of(FORCE), ("ok",), force=12)
    assert (event.result, event.machine_result) == (Result.NOK, None)
    assert event.why == (Why.VERDICT_UNKNOWN,)
    event = made(station_of(FORCE, by=ResultBy.LIMITS), ("ok",), force=12)
    assert (event.result, event.machine_result, event.why) == (Result.OK, None, ())


def test_without_a_verdict_tag_the_limits_decide() -> None:
    """A machine that says nothing contradicts nothing."""
    event = made(station_of(FORCE, verdict=None), force=99)
    assert (event.result, event.machine_result, event.limits_result) == (
        Result.NOK,
        None,
        Result.NOK,
    )


def test_a_breach_may_be_recorded_and_no_more() -> None:
    """By the station file's word; another value's breach still counts."""
    only_told = replace(FORCE, counts=False)
    event = made(station_of(only_told), force=99)
    assert (event.values[0].verdict, event.result, event.why) == (Verdict.HIGH, Result.OK, ())
    assert event.limits_result is Result.OK
    both = station_of(only_told, Limit(tag="way", high=5))
    assert made(both, force=99, way=6).result is Result.NOK
    assert made(both, force=99, way=5).result is Result.OK


def test_a_cycle_that_is_not_bound_keeps_its_verdicts() -> None:
    """What was measured of an unknown unit is known all the same (D-39)."""
    rig = Rig(station_of(FORCE))
    rig.tags["force"] = 99
    rig.up()
    rig.cycle(1)
    assert rig.of(UnitUnbound)[0].values[0].verdict is Verdict.HIGH
