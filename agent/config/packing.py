"""What levels of packing must agree with, their plan for the core, and how they are told back."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.model import Track
from agent.config.packages import LevelSection
from agent.config.parts import Parts
from agent.config.problems import Path, did_you_mean, shown
from agent.core.identity.pattern import PatternError, compile_pattern
from agent.core.identity.scan_rule import Means, ScanRule
from agent.core.levels import Level, Order, ParentBy
from agent.core.station import Outcome, Policy, Station, Strategy

_OF_CHILDREN = frozenset({Means.CHILD, Means.PARENT, Means.PARENT_END})
_OF_COUNT = ("full", "fewer", "more")


def check_packing(parts: Parts, track: Track) -> None:
    """Note what does not fit at each level."""
    for name, level in track.packing.items():
        at: Path = ("track", "packing", name)
        _check_order(parts, at, level)
        _check_parent(parts, track, at, level)
        _check_into(parts, track, name)
        if level.product_pattern is not None:
            try:
                compile_pattern(level.product_pattern)
            except PatternError as error:
                parts.refuse((*at, "product_pattern"), str(error))


def _check_order(parts: Parts, at: Path, level: LevelSection) -> None:
    """What closes a parent is for one that is open, and what counts needs a number."""
    given = level.model_fields_set
    if level.count is None:
        for key in (key for key in _OF_COUNT if key in given):
            message = "without `count` no number is expected"
            parts.refuse((*at, key), message, "add `count`", key=True)
    elif level.order is Order.CHILDREN_FIRST and "full" in given:
        message = "the parent's code closes it: nothing is open before"
        parts.refuse((*at, "full"), message, "remove it, or use order: parent-first", key=True)
    if level.order is Order.CHILDREN_FIRST and level.close is not None:
        message = "the parent's code closes it: nothing is open before"
        parts.refuse((*at, "close"), message, "remove it, or use order: parent-first", key=True)


def _check_parent(parts: Parts, track: Track, at: Path, level: LevelSection) -> None:
    """A parent by cycle needs a cycle of one unit, and what the cycle closes nothing else does."""
    if level.parent is ParentBy.SCAN:
        return
    if track.pair.strategy in {Strategy.MULTI_CAVITY, Strategy.COUNT_ONLY}:
        message = f"a cycle of '{track.pair.strategy}' is not of one unit"
        parts.refuse((*at, "parent"), message, "scan the parent: remove it")
    elif level.order is Order.PARENT_FIRST and track.begin is None:
        message = "with `parent-first` the handshake `begin` opens the parent, and there is none"
        parts.refuse((*at, "parent"), message, "add `begin`, or use order: children-first")
    for key in (key for key in ("close", "full") if key in level.model_fields_set):
        if key == "close" or level.order is Order.PARENT_FIRST:
            parts.refuse((*at, key), "the cycle closes the parent", "remove it", key=True)


def _check_into(parts: Parts, track: Track, name: str) -> None:
    """A closed parent goes up, never round."""
    into, at = track.packing[name].into, ("track", "packing", name, "into")
    if into is None:
        return
    if into not in track.packing:
        hint = did_you_mean(into, track.packing) or "declare it under `track.packing`"
        parts.refuse(at, f"no level {shown(into)}", hint)
        return
    seen = [name]
    while into is not None and into not in seen and into in track.packing:
        seen.append(into)
        into = track.packing[into].into
    if into == name:
        way = " into ".join([*seen, name])
        parts.refuse(at, f"goes into itself: {way}", "end the way at the last level")


def check_rules(parts: Parts, track: Track, found: dict[int, ScanRule]) -> None:
    """Each level can be read, and each rule of packing has its level."""
    means = {(rule.means, rule.position) for rule in found.values()}
    for name, level in track.packing.items():
        at: Path = ("track", "packing", name)
        fed = any(each.into == name for each in track.packing.values())
        if (Means.CHILD, name) not in means and not fed:
            hint = f"add {{match: …, means: child, position: {name}}} to `scans`"
            parts.refuse(at, "no scan rule says what goes into it", hint, key=True)
        if level.parent is ParentBy.SCAN and (Means.PARENT, name) not in means:
            hint = f"add {{match: …, means: parent, position: {name}}} to `scans`"
            parts.refuse(at, "no scan rule says which codes are its parents", hint, key=True)
    for place, rule in found.items():
        if rule.means in _OF_CHILDREN:
            _check_rule(parts, track, place, rule)


def _check_rule(parts: Parts, track: Track, place: int, rule: ScanRule) -> None:
    level = track.packing.get(rule.position or "")
    if level is None:
        hint = did_you_mean(rule.position or "", track.packing) or "declare `track.packing`"
        parts.refuse(("scans", place, "position"), f"no level {shown(rule.position)}", hint)
    elif rule.means is not Means.CHILD and level.parent is ParentBy.CYCLE:
        message = f"the cycle opens and closes '{rule.position}'"
        parts.refuse(("scans", place, "means"), message, "remove the rule")
    elif rule.means is Means.PARENT_END and level.order is Order.CHILDREN_FIRST:
        message = f"the parent's code closes '{rule.position}'"
        parts.refuse(("scans", place, "means"), message, "remove the rule")


# ------------------------------------------------------------------ the plan


def levels_of(parts: Parts, track: Track) -> tuple[Level, ...]:
    """Return the levels as the core has them."""
    return tuple(
        Level(
            name=name,
            order=level.order,
            parent=level.parent,
            count=level.count,
            closes_full=level.full == "close" and level.parent is ParentBy.SCAN,
            refuses_fewer=level.fewer is Policy.REFUSE,
            refuses_more=level.more is Policy.REFUSE,
            refuses_elsewhere=level.elsewhere is Policy.REFUSE,
            products=tuple(sorted(level.products)),
            product_pattern=level.product_pattern,
            into=level.into,
            close_tag=level.close,
            close_device=_device(parts, level.close),
        )
        for name, level in track.packing.items()
    )


def _device(parts: Parts, tag: str | None) -> str | None:
    found = parts.tags.get(tag or "")
    return found.section.device if found is not None else None


# ------------------------------------------------------------------ in plain words


def told(station: Station) -> Iterator[str]:
    """Yield what goes into what, when a parent is closed, and what becomes of what does not fit."""
    for level in station.packing:
        children = "children" if level.count is None else f"{level.count} children"
        yield f"{level.name}: {children}, {_HOW[level.order, level.parent]}"
        if level.order is Order.PARENT_FIRST and level.parent is ParentBy.SCAN:
            yield f"{level.name}: closed by {' or '.join(_closers(station, level))}"
        if level.count is not None:
            yield f"{level.name}: {_fewer(station, level)}; more are {_policy(level.refuses_more)}"
        conflict = "refused" if level.refuses_elsewhere else "recorded as a conflict"
        yield f"{level.name}: what is in another parent is {conflict}"
        if level.products or level.product_pattern:
            fit = ", ".join(level.products) or f"what matches {level.product_pattern}"
            yield f"{level.name}: only {fit}; another one is refused"
        if level.into is not None:
            yield f"{level.name}: goes into {level.into} when it is closed"
    if station.packing and any(rule.means is Means.UNPACK for rule in station.scans):
        yield "after an unpack code the next child comes out, or the next parent is dissolved"


_HOW = {
    (Order.PARENT_FIRST, ParentBy.SCAN): "read after the code of their parent",
    (Order.CHILDREN_FIRST, ParentBy.SCAN): "read before the code of their parent, which closes it",
    (Order.PARENT_FIRST, ParentBy.CYCLE): "read between `begin` and `end` of their parent's cycle",
    (Order.CHILDREN_FIRST, ParentBy.CYCLE): "read before the cycle of their parent",
}


def _closers(station: Station, level: Level) -> Iterator[str]:
    if level.count is not None and level.closes_full:
        yield "the last child"
    if any((r.means, r.position) == (Means.PARENT_END, level.name) for r in station.scans):
        yield "its end code"
    if level.close_tag is not None:
        yield f"the rise of '{level.close_tag}'"
    yield "the next parent"


def _fewer(station: Station, level: Level) -> str:
    if level.refuses_fewer and level.parent is ParentBy.CYCLE:
        return f"fewer are answer {station.outcome_code(Outcome.NOT_RELEASED)}"
    return f"fewer are {_policy(level.refuses_fewer)}"


def _policy(refuses: bool) -> str:  # noqa: FBT001 - one flag, in words
    return "refused" if refuses else "recorded"
