"""What people and needs must agree with, the plan they come down to, and how they are told back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

from agent.config.crews import OperatorNeed, Operators, OrderNeed, Requires
from agent.config.loaded import OperatorsConfig
from agent.config.model import Track
from agent.config.ordering import tag_of
from agent.config.parts import Parts
from agent.config.problems import Path, did_you_mean, shown
from agent.config.quantities import duration_text
from agent.core.crew import OPERATOR, Crew, Need
from agent.core.identity.scan_rule import Means, ScanRule
from agent.core.station import Policy, Station

_AT: Path = ("operators",)
_REQUIRES: Path = ("track", "requires")


def needs(track: Track) -> Iterator[tuple[Path, OperatorNeed | OrderNeed]]:
    """Yield each need with its place, in the order of the file."""
    section = track.requires
    if isinstance(section, Requires):
        yield from _needs_of(section, _REQUIRES)
        return
    for place, item in enumerate(section):
        path: Path = (*_REQUIRES, place)
        if isinstance(item, Requires):
            yield from _needs_of(item, path)
        else:
            yield path, OperatorNeed() if item == "operator" else OrderNeed()


def _needs_of(section: Requires, at: Path) -> Iterator[tuple[Path, OperatorNeed | OrderNeed]]:
    operator, order = section.operator, section.order
    if operator is not None:
        need = OperatorNeed(missing=operator) if isinstance(operator, Policy) else operator
        yield (*at, "operator"), need
    if order is not None:
        yield (*at, "order"), OrderNeed(missing=order) if isinstance(order, Policy) else order


# ------------------------------------------------------------------ checks


def check_people(parts: Parts) -> None:
    """Note what does not fit among the keys about people."""
    operators = parts.sections.get("operators")
    if not isinstance(operators, Operators):
        return
    if operators.mode == "pseudonym" and operators.key is None:
        message = "no key for pseudonyms: one is made in the state directory"
        hint = "name one (`key: credential:operator-key`) if stations are to agree on pseudonyms"
        parts.warn(_AT, message, hint, key=True)
    if operators.mode != "pseudonym" and operators.key is not None:
        message = f"mode '{operators.mode}' needs no key"
        parts.refuse((*_AT, "key"), message, "remove it", key=True)
    if operators.sessions == "one" and "max" in operators.model_fields_set:
        message = "one session has no `max`"
        hint = "write `sessions: several`, or remove it"
        parts.refuse((*_AT, "max"), message, hint, key=True)
    heads = [(role, head) for role, own in operators.roles.items() for head in own]
    for (first, one), (second, other) in combinations(heads, 2):
        if first != second and (one.startswith(other) or other.startswith(one)):
            message = f"a number that begins with {shown(max(one, other, key=len))} is {first} too"
            parts.refuse((*_AT, "roles", second), message, "a badge number gives one role")


def check_needs(parts: Parts, track: Track, rules: Mapping[int, ScanRule]) -> None:
    """Note what is required and can never be there."""
    means = {rule.means for rule in rules.values()}
    operators = parts.sections.get("operators")
    known = operators if isinstance(operators, Operators) else Operators()
    seen: dict[object, Path] = {}
    for path, need in needs(track):
        kind = OrderNeed if isinstance(need, OrderNeed) else need.role
        if kind in seen:
            parts.refuse(path, "is required already", "say it once")
        seen.setdefault(kind, path)
        if isinstance(need, OperatorNeed):
            _check_operator(parts, path, need, known, rules)
        elif tag_of(track) is None and Means.ORDER not in means:
            message = "an order is required, but nothing names one"
            hint = "add {match: …, means: order} to `scans`, or `track.order: {tag: …}`"
            parts.refuse(path, message, hint)


def _check_operator(
    parts: Parts, path: Path, need: OperatorNeed, known: Operators, rules: Mapping[int, ScanRule]
) -> None:
    badges = [rule for rule in rules.values() if rule.means is Means.OPERATOR]
    if known.mode == "none":
        parts.refuse(path, "an operator is required, but operators.mode is none")
        return
    if not badges:
        message = "an operator is required, but no rule says which codes are badges"
        parts.refuse(path, message, "add {match: …, means: operator} to `scans`")
        return
    roles = {rule.role or OPERATOR for rule in badges} | set(known.roles)
    if need.role is not None and need.role not in roles:
        message = f"no badge gives the role {shown(need.role)}"
        hint = did_you_mean(need.role, roles) if len(roles) > 1 else ""
        hint = hint or "add it to `operators.roles`, or a rule with `role`"
        parts.refuse((*path, "role"), message, hint)
    most = 1 if known.sessions == "one" else known.max
    if need.at_least > most:
        message = f"at most {most} can be signed on here"
        hint = "write `operators: {sessions: several}`" if most == 1 else "raise `operators.max`"
        parts.refuse((*path, "at_least"), message, hint)


# ------------------------------------------------------------------ the plan


def crew_of(operators: Operators, track: Track) -> Crew:
    """Return how many people work at the station, and who must."""
    return Crew(
        most=operators.max if operators.sessions == "several" else 1,
        uncertainty_ms=operators.uncertainty,
        longest_cycle_ms=operators.longest_cycle,
        needs=tuple(
            Need(
                role=need.role,
                at_least=need.at_least,
                refuses=need.missing is Policy.REFUSE,
            )
            for _, need in needs(track)
            if isinstance(need, OperatorNeed)
        ),
    )


def order_need(track: Track) -> Policy | None:
    """Return what becomes of a unit without an order; None: none is required."""
    found = [need.missing for _, need in needs(track) if isinstance(need, OrderNeed)]
    return found[0] if found else None


# ------------------------------------------------------------------ in plain words


def told_needs(station: Station) -> Iterator[str]:
    """Yield what becomes of a unit that lacks a person or an order."""
    for need in station.crew.needs:
        people = f"{need.at_least} x {need.name}" if need.at_least > 1 else need.name
        yield f"a unit without {people} {_otherwise(refuses=need.refuses)}"
    if station.requires_order is not None:
        refuses = station.requires_order is Policy.REFUSE
        yield f"a unit without order {_otherwise(refuses=refuses)}"


def _otherwise(*, refuses: bool) -> str:
    return "is refused" if refuses else "is recorded as lacking it"


def told_people(station: Station, operators: OperatorsConfig) -> Iterator[str]:
    """Yield how people appear, and whom a unit names."""
    badges = [rule for rule in station.scans if rule.means is Means.OPERATOR]
    if operators.mode == "none" or not badges:
        yield "nobody is recorded"
        return
    crew = station.crew
    yield "badges as pseudonyms" if operators.mode == "pseudonym" else "badges in clear"
    if crew.several:
        yield f"up to {crew.most} at once; each badge signs its own person on and off"
    else:
        yield "one at a time: the next badge ends the session before"
    for role, heads in operators.roles.items():
        yield f"{role}: badge numbers that begin with {' or '.join(heads)}"
    for role in dict.fromkeys(rule.role for rule in badges if rule.role):
        yield f"{role}: by the scan rule of the badge"
    slack = f", give or take {duration_text(crew.uncertainty_ms)}" if crew.uncertainty_ms else ""
    yield f"a unit names everybody who was signed on during its cycle{slack}; else nobody"
