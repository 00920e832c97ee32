"""Decode: GS1 codes per second on one core, judged by a station's rules as the engine judges them.

The bare rig is biip, the library below, which reads the same codes without our policy, without
dates, association rules or scan rules; rounds alternate and each side's best counts.
"""

import time
from collections.abc import Callable
from datetime import date

from biip.gs1_messages import GS1Message

from agent.core.identity.codes import parse
from agent.core.identity.gs1_checks import check_digit
from agent.core.identity.reading import Profile
from agent.core.identity.rules import Gs1Match, Identified, Means, RegexMatch, ScanRule, judge
from tests.bench.result import Result

GOAL_PER_S = 20_000
CODES = 5_000
ROUNDS = 5
TODAY = date(2026, 6, 1)
PROFILE = Profile(reference_date=TODAY)
RULES = (
    ScanRule(match=RegexMatch(pattern=r"OP-(?P<operator>\d{4})"), means=Means.OPERATOR),
    ScanRule(match=RegexMatch(pattern=r"WO-(?P<order>\d{6})"), means=Means.ORDER),
    ScanRule(
        match=Gs1Match(ais=frozenset({"01", "10"}), also=frozenset({"17"})),
        means=Means.COMPONENT,
        position="housing",
    ),
    ScanRule(match=Gs1Match(ais=frozenset({"01", "21"}), also=frozenset({"11"})), means=Means.UNIT),
)


def codes(count: int) -> list[str]:
    """Return unit and lot codes in turn, no two alike, without their AIM id."""
    made = []
    for number in range(count):
        digits = f"0952{number % 10**9:09}"
        gtin = digits + check_digit(digits)
        made.append(
            f"01{gtin}1126010121SN{number:08}" if number % 2 else f"01{gtin}1728123110L{number:06}"
        )
    return made


def rate(work: Callable[[], None], count: int) -> float:
    """Return how many a second one round does."""
    began_s = time.perf_counter()
    work()
    return count / (time.perf_counter() - began_s)


async def main(quick: bool) -> list[Result]:  # noqa: FBT001 - every module's main is so
    """Measure reading alone, judging by rules, and the library alone."""
    texts = codes(CODES // 10 if quick else CODES)
    frames = [f"]d2{text}".encode() for text in texts]

    def read() -> None:
        for frame in frames:
            parse(frame, PROFILE)

    def judged() -> None:
        for frame in frames:
            assert isinstance(judge(frame, RULES, reference_date=TODAY), Identified)

    def bare() -> None:
        for text in texts:
            GS1Message.parse(text)

    best: dict[str, float] = {}
    for _ in range(2 if quick else ROUNDS):
        for work in (read, judged, bare):
            best[work.__name__] = max(best.get(work.__name__, 0.0), rate(work, len(texts)))
    return [
        Result(
            goal="decode",
            what=what,
            figure=best[name],
            unit="codes/s",
            bare=best["bare"],
            ratio=best[name] / best["bare"],
            passed=best[name] >= GOAL_PER_S,
            note=f"three elements a code, one core; goal {GOAL_PER_S:,}/s; bare: biip alone",
        )
        for name, what in (("read", "GS1 codes read"), ("judged", "GS1 codes judged by 4 rules"))
    ]
