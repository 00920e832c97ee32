"""The four classic mistakes, found in a product list (D-14)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, unique

from agent.core.plan import Advice, Capture, Grain, ProductFacts, Rank
from agent.core.plan_volume import daily
from agent.core.scopes import scope


@unique
class Mistake(StrEnum):
    """The four, by the names that plan and doctor give them."""

    SERIAL_EVERYTHING = "serial_everything"
    LOT_AT_RISK = "lot_at_risk"
    UNLINKED_SERIALS = "unlinked_serials"
    MANUAL_AT_VOLUME = "manual_at_volume"


TITLES = {
    Mistake.SERIAL_EVERYTHING: "serials for everything",
    Mistake.LOT_AT_RISK: "lots where the risk is high",
    Mistake.UNLINKED_SERIALS: "serials that cannot be linked",
    Mistake.MANUAL_AT_VOLUME: "serials by hand at volume",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistaken:
    """One mistake, what shows it, and what to do."""

    mistake: Mistake
    shown_by: str
    do: str


def findings(facts: ProductFacts, advice: Advice) -> Iterator[Mistaken]:
    """Yield the mistakes of how a product is tracked today; nothing where that is not given."""
    if facts.today is not None:
        yield from _serial_everything(facts, facts.today, advice)
        yield from _lot_at_risk(facts, facts.today, advice)
        yield from _unlinked(facts, facts.today, advice)
        yield from _manual(facts, facts.today)


def _serial_everything(facts: ProductFacts, today: Grain, advice: Advice) -> Iterator[Mistaken]:
    is_plain = facts.value is Rank.LOW and facts.consequence <= Rank.MEDIUM
    if today < Grain.SERIAL or advice.grain >= Grain.SERIAL or not is_plain:
        return
    size = advice.sublot or facts.lot
    fine, coarse = (daily(facts, each).journal_bytes / 1e6 for each in (1, size))
    yield Mistaken(
        mistake=Mistake.SERIAL_EVERYTHING,
        shown_by=f"{facts.per_day:,} serials a day of a product of low value and "
        f"{facts.consequence.name.lower()} consequence, where "
        f"{'sub-lots' if advice.sublot else 'lots'} of {size:,} would do: {fine:,.1f} MB a day "
        f"instead of {coarse:,.1f}",
        do=f"track by lot{f', cut every {advice.sublot:,}' if advice.sublot else ''}",
    )


def _lot_at_risk(facts: ProductFacts, today: Grain, advice: Advice) -> Iterator[Mistaken]:
    size = 1 if today >= Grain.SERIAL else facts.today_size or facts.lot
    run = facts.fault_run
    worst = size if run is None else scope(facts.lot, run, size).most
    is_over = facts.most_recalled is not None and worst > facts.most_recalled
    is_coarse = today < Grain.SERIAL <= advice.grain
    if not is_over and not is_coarse:
        return
    limit = f", where {facts.most_recalled:,} may" if facts.most_recalled is not None else ""
    law = f"; {facts.law.name}" if facts.law is not None and is_coarse else ""
    do = (
        f"track by {advice.by}: {advice.deciding}"
        if advice.grain >= Grain.SERIAL
        else f"cut lots every {advice.sublot:,}"
        if advice.sublot
        else "make lots smaller"
    )
    yield Mistaken(
        mistake=Mistake.LOT_AT_RISK,
        shown_by=f"today {worst:,} units may come back for one fault{limit}{law}",
        do=do,
    )


def _unlinked(facts: ProductFacts, today: Grain, advice: Advice) -> Iterator[Mistaken]:
    if today < Grain.SERIAL:
        return
    is_critical = any(part.critical for part in facts.loose)
    if facts.parts and not is_critical and len(facts.loose) < len(facts.parts):
        return
    if not facts.parts and advice.grain < Grain.SERIAL:
        return
    named = ", ".join(part.name for part in facts.loose)
    what = f"nobody records which {named} went in" if named else "no component is recorded at all"
    yield Mistaken(
        mistake=Mistake.UNLINKED_SERIALS,
        shown_by=f"serials, but {what}: a fault there recalls all {facts.lot:,} of a lot",
        do=f"scan {named or 'the components that matter'} when loaded or put in",
    )


HANDHELD_S = 3.0
"""To take a hand-held reader, read one code and see that it was read: a planning value."""


def _manual(facts: ProductFacts, today: Grain) -> Iterator[Mistaken]:
    size = 1 if today >= Grain.SERIAL else facts.today_size or facts.lot
    by_hand = daily(facts, size).scans
    if facts.capture is Capture.KEYED and by_hand > facts.manual_limit:
        yield Mistaken(
            mistake=Mistake.MANUAL_AT_VOLUME,
            shown_by=f"{by_hand:,.0f} codes typed a day, more than {facts.manual_limit:,}",
            do="read them by a fixed reader, a camera or the PLC",
        )
    taken_s = by_hand / facts.per_day * HANDHELD_S
    if facts.capture is Capture.HANDHELD and facts.cycle_s is not None and taken_s > facts.cycle_s:
        yield Mistaken(
            mistake=Mistake.MANUAL_AT_VOLUME,
            shown_by=f"reading by hand takes some {taken_s:,.0f} s a unit, a cycle takes "
            f"{facts.cycle_s:g} s",
            do="put fixed readers where the part passes anyway",
        )
