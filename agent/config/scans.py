"""The scan rules of a station file, as the core has them, and what they must agree with."""

from __future__ import annotations

from agent.config.build import never_codes
from agent.config.checks import readers
from agent.config.crewing import check_needs
from agent.config.crews import Operators
from agent.config.lots import check_lot_rules
from agent.config.model import Match, ScanSection, Track
from agent.config.ordering import tag_of
from agent.config.packing import check_rules
from agent.config.parts import Parts
from agent.config.problems import Path, did_you_mean, shown
from agent.config.strategies import by_scan
from agent.core.identity import scan_rule as rules
from agent.core.identity.overlap import faults
from agent.core.identity.pattern import PatternError
from agent.core.identity.scan_rule import COMMANDING, Means, ScanRule
from agent.core.packed import MEANS
from agent.core.station import By, Strategy, Until


def read_scans(parts: Parts) -> tuple[ScanRule, ...]:
    """Return the rules that are right by themselves; note what is wrong with each and all."""
    sections: list[ScanSection] = parts.sections.get("scans") or []
    found: dict[int, ScanRule] = {}
    for position, section in enumerate(sections):
        rule = _rule(parts, position, section)
        if rule is not None:
            found[position] = rule
    _check_together(parts, found)
    if len(found) == len(sections) and "scans" in parts.sections:
        _check_uses(parts, found)
    return tuple(found.values())


def _rule(parts: Parts, position: int, section: ScanSection) -> ScanRule | None:
    at: Path = ("scans", position)
    given = section.model_dump(exclude={"match", "means"}, exclude_unset=True)
    try:
        return ScanRule(match=_match(section.match), means=Means(section.means), **given)
    except PatternError as error:
        wrong = "product_pattern" if section.match.regex is None else "match"
        path = (*at, wrong, "regex") if wrong == "match" else (*at, wrong)
        parts.refuse(path, str(error))
    except ValueError as error:
        message, _, hint = str(error).partition("; ")
        parts.refuse(at, message, hint)
    return None


def _match(section: Match) -> rules.Match:
    if section.regex is not None:
        return rules.RegexMatch(pattern=section.regex)
    also = frozenset(section.also)
    if section.gs1 is not None:
        return rules.Gs1Match(ais=frozenset(section.gs1), also=also)
    if section.hibc is not None:
        return rules.DataMatch(identifiers=frozenset(section.hibc), also=also, format="hibc")
    return rules.DataMatch(
        identifiers=frozenset(section.di or ()), also=also, format=section.format or "06"
    )


def _check_together(parts: Parts, found: dict[int, ScanRule]) -> None:
    """No code fits two rules, and none that a reader sends for "nothing read" fits one (D-81)."""
    silent = [never_codes(device.options) for device in readers(parts).values() if device.options]
    positions = list(found)
    for fault in faults(list(found.values()), frozenset().union(*silent)):
        *first, last = (positions[index] for index in fault.rules)
        path: Path = ("scans", last, "match")
        if first:
            line = parts.source.place(("scans", first[0])).line
            message = f"this rule and that of line {line} {fault.message}"
            parts.refuse(path, message, "narrow one of the two: a code means one thing")
        else:
            parts.refuse(path, fault.message, "narrow the pattern")


def _check_uses(parts: Parts, found: dict[int, ScanRule]) -> None:
    """Whatever is to come by scan has a rule, and every rule has a use."""
    track = parts.sections.get("track")
    if not isinstance(track, Track):
        return
    means = {rule.means for rule in found.values()}
    reads = bool(readers(parts))
    if by_scan(track) and not reads and None not in parts.devices.values():
        message = "codes come by scan, but no device reads codes"
        parts.refuse(("devices",), message, "add a device with driver: scanner", key=True)
    packs_only = bool(track.packing) and track.pair.strategy is Strategy.SCAN_ONLY
    no_unit = track.pair.strategy is Strategy.COUNT_ONLY or packs_only
    if not no_unit and Means.UNIT not in means:
        message = "no rule says which codes are units"
        parts.refuse(("scans",), message, "add {match: …, means: unit}", key=True)
    if track.pair.strategy is Strategy.CARRIER and Means.CARRIER not in means:
        message = "no rule says which codes are carriers"
        parts.refuse(("scans",), message, "add {match: …, means: carrier}", key=True)
    if track.lot == "scan" and Means.LOT not in means:
        message = "no rule says which codes are lots"
        parts.refuse(("track", "lot"), message, "add {match: …, means: lot} to `scans`")
    useless = _useless(track, means) | _useless_commands(track, means)
    for position, rule in found.items():
        if rule.means in useless:
            message = f"nothing is done with {rule.means} codes here: {useless[rule.means]}"
            parts.warn(("scans", position, "means"), message, "remove the rule")
    check_needs(parts, track, found)
    _check_commanding(parts, found)
    _check_positions(parts, track, found)
    check_rules(parts, track, found)
    check_lot_rules(parts, track, found)
    if not reads and any(rule.means is not Means.UNIT for rule in found.values()):
        parts.warn(("scans",), "no device reads codes", "add a scanner, or remove", key=True)
    if reads and not found:
        message = "no rule says what a code means, so every scan is refused"
        parts.warn(("devices",), message, "add `scans`", key=True)


def _useless(track: Track, means: set[Means]) -> dict[Means, str]:
    """Return which codes a station has no use for, and why."""
    useless = {}
    if track.pair.strategy is Strategy.COUNT_ONLY:
        useless[Means.UNIT] = "`count-only` counts pieces"
    in_carriers = track.sublots is not None and track.sublots.every.by_carrier
    if track.pair.strategy is not Strategy.CARRIER and not in_carriers:
        useless[Means.CARRIER] = "only strategy `carrier` has carriers"
    if not by_scan(track) and Means.LOT_PICK not in means:
        useless[Means.CANCEL] = f"'{track.pair.strategy}' waits for no scan"
    if track.lot != "scan":
        useless[Means.LOT] = useless[Means.LOT_END] = "lots are made with `lot: scan` only"
    if not track.packing:
        useless[Means.UNPACK] = "nothing is packed"
    if not track.components and not track.packing:
        useless[Means.BLOCK] = useless[Means.UNBLOCK] = "there is no position to keep it from"
    if not any(component.by is By.SERIAL for component in track.components.values()):
        useless[Means.REMOVED] = "no position gets a serial component"
    if tag_of(track) is not None:
        useless[Means.ORDER] = useless[Means.ORDER_END] = "the order comes by tag"
    return useless


def _useless_commands(track: Track, means: set[Means]) -> dict[Means, str]:
    """Return which labels have no unit that could be scanned for them, or say nothing new."""
    if track.pair.strategy is Strategy.COUNT_ONLY or Means.UNIT not in means:
        return dict.fromkeys(COMMANDING, "no unit is scanned for it")
    if track.pair.strategy is Strategy.SCAN_ONLY:
        return {}
    return {Means.NOK: "the machine's `verdict` says so"}


def _check_commanding(parts: Parts, found: dict[int, ScanRule]) -> None:
    """Whoever gives a command is known (D-143)."""
    means = {rule.means for rule in found.values()}
    operators = parts.sections.get("operators")
    nobody = isinstance(operators, Operators) and operators.mode == "none"
    if Means.OPERATOR in means or nobody:
        return
    for position, rule in found.items():
        if rule.means in COMMANDING and rule.means is not Means.NOK:
            message = f"nobody would be known who says '{rule.means}': no rule means operator"
            hint = "add {match: …, means: operator}, or `operators: {mode: none}`"
            parts.refuse(("scans", position, "means"), message, hint)


def _check_positions(parts: Parts, track: Track, found: dict[int, ScanRule]) -> None:
    loaded = set()
    for position, rule in found.items():
        if rule.position is None or rule.means in MEANS:
            continue
        if rule.means is Means.COMPONENT:
            loaded.add(rule.position)
        _check_vessel(parts, track, position, rule)
        if rule.position not in track.components:
            hint = did_you_mean(rule.position, track.components) or "declare track.components"
            message = f"no position {shown(rule.position)}"
            parts.refuse(("scans", position, "position"), message, hint)
    emptied = {rule.position for rule in found.values() if rule.means is Means.EMPTIED}
    for name, component in track.components.items():
        if component.until is Until.EMPTIED and name not in emptied:
            at: Path = ("track", "components", name, "until")
            message = "no scan rule says that it is empty, so what is in it is never known"
            hint = f"add {{match: …, means: emptied, position: {name}}} to `scans`"
            parts.warn(at, message, hint)
        if name not in loaded:
            path: Path = ("track", "components", name)
            message = "no scan rule loads this position"
            hint = f"add {{match: …, means: component, position: {name}}} to `scans`"
            note = parts.refuse if component.required else parts.warn
            note(path, message, hint, key=True)


def _check_vessel(parts: Parts, track: Track, place: int, rule: ScanRule) -> None:
    """Only a vessel is seen empty, and only from a vessel is loose material taken back."""
    component = track.components.get(rule.position or "")
    of_vessels = rule.means in {Means.EMPTIED, Means.RETURNED}
    if component is not None and of_vessels and component.until is not Until.EMPTIED:
        message = f"'{rule.position}' is no vessel: its loads are taken off one by one"
        hint = "write means: unload, or `until: emptied` at the position"
        parts.refuse(("scans", place, "means"), message, hint)
