"""What lots and sub-lots must agree with, the plan that they come down to, and how it is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agent.config.model import Track
from agent.config.parts import Parts
from agent.config.problems import Path
from agent.config.quantities import duration_text
from agent.core.identity.pattern import PatternError
from agent.core.identity.scan_rule import OF_LOTS, Means, ScanRule
from agent.core.lot_plan import Lots, Sublots
from agent.core.station import Station, Strategy

_PARENT = "parent"
_ABOUT_TWO = (Means.LOT_SPLIT, Means.LOT_RELABEL, Means.LOT_MERGE)
_SECOND_MS = 1_000


def check_lots(parts: Parts, track: Track) -> None:
    """Note what does not fit of the sub-lots."""
    if track.sublots is None:
        return
    at: Path = ("track", "sublots")
    if track.pair.strategy is not Strategy.COUNT_ONLY:
        message = "only `count-only` counts to a lot that can be cut"
        parts.refuse(at, message, "remove it", key=True)
        return
    every_n, counter = track.sublots.every.every_n, track.counter
    if every_n is None or counter is None or every_n * counter.fastest >= _SECOND_MS:
        return
    full = duration_text(every_n * counter.fastest)
    message = f"at the fastest rate a sub-lot is full in {full}, and each costs three events"
    parts.warn((*at, "every"), message, "cut less often, or track by serial")


def check_lot_rules(parts: Parts, track: Track, found: Mapping[int, ScanRule]) -> None:
    """Whatever is done to lots by scan can be understood, and what is picked is used."""
    means = {rule.means for rule in found.values()}
    picks = Means.LOT_PICK in means
    by_carrier = track.sublots is not None and track.sublots.every.by_carrier
    if by_carrier and Means.CARRIER not in means:
        message = "no rule says which codes are carriers"
        hint = "add {match: …, means: carrier} to `scans`"
        parts.refuse(("track", "sublots", "every"), message, hint)
    for place, rule in found.items():
        at: Path = ("scans", place, "means")
        if rule.means in _ABOUT_TWO and not picks and not _names_parent(rule):
            message = f"nothing says which lot a {rule.means} is about"
            hint = "add {match: …, means: lot_pick} to `scans`"
            if rule.means is not Means.LOT_MERGE:
                hint += ", or a group `parent` to the pattern"
            parts.refuse(at, message, hint)
        if rule.means is Means.LOT_PICK and not means & set(_ABOUT_TWO):
            message = "nothing is done with picked lots"
            parts.warn(at, message, "add a rule that means lot_split, lot_merge or lot_relabel")
    if "pick_within" in track.lots.model_fields_set and not picks:
        path: Path = ("track", "lots", "pick_within")
        parts.refuse(path, "no rule picks a lot", "remove it", key=True)


def _names_parent(rule: ScanRule) -> bool:
    """Whether a rule's own code says which lot it is about; of a merge no one code can."""
    if rule.means is Means.LOT_MERGE:
        return False
    try:
        pattern = rule.pattern
    except PatternError:  # said where the rule stands
        return True
    return pattern is not None and _PARENT in pattern.compiled.groupindex


def lots_of(track: Track) -> Lots:
    """Return how the station deals with lots."""
    section = track.lots
    return Lots(
        measure=section.measure,
        tolerance=section.tolerance,
        blends=section.merge == "blend",
        refuse_mismatch=section.mismatch == "refuse",
        pick_within_ms=section.pick_within,
        sublots=track.sublots.every if track.sublots is not None else None,
    )


# ------------------------------------------------------------------ in plain words


def told(station: Station) -> Iterator[str]:
    """Yield how lots are cut, and what becomes of what is done to them."""
    lots = station.lots
    if lots.sublots is not None:
        yield from _cut(lots.sublots, lots.measure or "pieces")
    done = [rule.means for rule in station.scans if rule.means in OF_LOTS]
    if not done:
        return
    what = ", ".join(dict.fromkeys(each.value.removeprefix("lot_") for each in done))
    yield f"by scan: {what}; checked against what is known of the lot"
    within = f"more than {lots.tolerance} off" if lots.tolerance != "0" else "not exactly right"
    becomes = "refused" if lots.refuse_mismatch else "recorded with a quantity_mismatch"
    yield f"a quantity that is {within}: {becomes}"
    if Means.LOT_MERGE in done:
        made = "made of each of them" if lots.blends else "possible for each of them"
        yield f"what lots were merged into: {made}"
    if Means.LOT_PICK in done:
        window = duration_text(lots.pick_within_ms)
        yield f"a picked lot waits {window} for what is done to it, and over no restart"


def _cut(sublots: Sublots, measure: str) -> Iterator[str]:
    if sublots.every_n is not None:
        yield f"cut after every {sublots.every_n} {measure}: LOT/0001, LOT/0002 and so on"
    elif sublots.every_ms is not None:
        length = duration_text(sublots.every_ms)
        yield f"cut {length} after the first piece: LOT/0001, LOT/0002 and so on"
    else:
        yield "cut at each carrier that is scanned: LOT/CARRIER"
        yield "pieces about the scan of a carrier: possible for both, certain for the lot"
