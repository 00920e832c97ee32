"""A station file back in plain words: what is bound to what, when, and what if it cannot be."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config import (
    crewing,
    interlocking,
    limiting,
    lots,
    measuring,
    moding,
    neighbourhood,
    ordering,
    packing,
    products,
    stating,
    watches,
)
from agent.config.components import told
from agent.config.loaded import StationConfig
from agent.config.quantities import duration_text
from agent.core import labels
from agent.core.identity.scan_rule import DataMatch, Gs1Match, Match, Means, ScanRule, is_hibc
from agent.core.station import Cavity, Handshake, Outcome, Policy, Queue, Station, Strategy


def explained(config: StationConfig) -> str:
    """Return the station in a few lines."""
    station = config.station
    lines = [
        f"  station    {station.path}, machine {station.machine}, {config.timezone}",
        f"  config     {config.hash[:12]}",
        *(f"  device     {line}" for line in _devices(config)),
        *(f"  watches    {line}" for line in watches.told(station)),
        *(f"  watches    {line}" for line in stating.told(station)),
        *(f"  binds      {line}" for line in _binds(station)),
        *(f"  tracks     {line}" for line in products.told(station)),
        *(f"  scan       {_scan(rule)}" for rule in station.scans),
        *(f"  material   {line}" for line in told(station)),
        *(f"  orders     {line}" for line in ordering.told(station)),
        *(f"  packs      {line}" for line in packing.told(station)),
        *(f"  by label   {line}" for line in _by_label(station)),
        *(f"  lots       {line}" for line in lots.told(station)),
        *(f"  if not     {line}" for line in _if_not(station)),
        *(f"  if not     {line}" for line in products.told_if_not(station)),
        *(f"  people     {line}" for line in crewing.told_people(station, config.operators)),
        *(f"  measures   {line}" for line in measuring.told(config.oee)),
        *(f"  follows    {line}" for line in neighbourhood.told(config)),
        *(f"  publishes  {line}" for line in _publishes(config)),
    ]
    return "\n".join(lines)


def _devices(config: StationConfig) -> Iterator[str]:
    for device in config.devices.values():
        tags = len(device.tags)
        written = [tag.name for tag in device.tags if tag.write]
        says = f"{tags} tag{'s' if tags != 1 else ''}" if device.shareable else "codes"
        says += ", also keyed in by hand" if device.name in config.station.keyed else ""
        says += ", twice" if device.name in config.station.keyed_twice else ""
        writes = f", writes {', '.join(written)}" if written else ""
        yield f"{device.name}: {device.driver} {device.endpoint}, {says}{writes}"


def _binds(station: Station) -> Iterator[str]:
    pairing = station.pairing
    if pairing.strategy is Strategy.COUNT_ONLY and station.counter is not None:
        source = f"tag '{station.lot}'" if station.lot else "scan"
        yield f"every step of '{station.counter.tag}' to the lot that is open (named by {source})"
    if pairing.strategy is Strategy.SCAN_ONLY and _has_units(station):
        window, settle = duration_text(pairing.window_ms), duration_text(pairing.settle_ms)
        yield f"end: a scan of a unit that no other follows within {window} (waiting {settle} more)"
        yield "what was scanned for a position goes into the unit that is scanned after it"
    if pairing.strategy is Strategy.CARRIER:
        window = duration_text(pairing.window_ms)
        load, unload = " or ".join(pairing.load), " or ".join(pairing.unload)
        yield f"a carrier read by {load} and the unit read after it within {window}"
        yield f"until {unload} reads the carrier or the unit"
    for handshake in station.handshakes:
        yield _handshake(station, handshake)
    if station.counter is not None and station.handshakes and station.products is None:
        yield f"a step of '{station.counter.tag}' without a cycle is recorded as missed"
    yield from crewing.told_needs(station)
    yield from moding.told(station)
    yield from limiting.told(station)
    if station.bypass is not None:
        key = f", '{station.bypass.key}' says by key" if station.bypass.key else ""
        yield f"what '{station.bypass.counter.tag}' counts passed without an answer{key}"


def _handshake(station: Station, handshake: Handshake) -> str:
    pairing = station.pairing
    if pairing.queue is not None:
        queue = pairing.queue
        code = (
            f"the part that {queue.entry} read first of the {queue.fewest} to {queue.most} inside"
        )
    elif pairing.strategy is Strategy.MULTI_CAVITY:
        code = "a unit for each cavity: " + ", ".join(map(_cavity, handshake.cavities))
    elif pairing.strategy is Strategy.CARRIER and handshake.unit:
        code = f"the unit on the carrier in '{handshake.unit}'"
    elif pairing.strategy is Strategy.TAG:
        code = f"the code in '{handshake.unit}'"
    elif handshake.name != station.handshakes[0].name:
        code = "the unit that `begin` let in"
    elif pairing.strategy is Strategy.CYCLE_THEN_SCAN:
        code = f"the first scan within {duration_text(pairing.window_ms)} after it"
    else:
        window, settle = duration_text(pairing.window_ms), duration_text(pairing.settle_ms)
        code = f"the one scan of the last {window} (waiting {settle} for it)"
        if pairing.strategy is Strategy.CARRIER:
            code = f"the unit on the carrier of {code}"
    values = f" and {', '.join(handshake.values)}" if handshake.values else ""
    verdict = f", result by '{handshake.verdict}'" if handshake.verdict else ""
    results = " with ".join(
        f"'{tag}'" for tag in (handshake.result, handshake.result_request) if tag
    )
    verdict += f", aborted by '{handshake.abort}'" if handshake.abort else ""
    return (
        f"{handshake.name}: when {handshake.device} raises '{handshake.trigger}', "
        f"{code}{values}{verdict}; then {results}, then '{handshake.ack}'"
    )


def _cavity(cavity: Cavity) -> str:
    source = f"by what {cavity.reader} scans" if cavity.reader else f"by codes marked {cavity.mark}"
    source = f"by the code in '{cavity.tag}'" if cavity.tag else source
    return f"{cavity.name} {source}"


def _scan(rule: ScanRule) -> str:
    where = f" for position {rule.position}" if rule.position else ""
    return f"{_match(rule.match)} means {rule.means.value.replace('_', ' ')}{where}"


def _match(match: Match) -> str:
    if isinstance(match, Gs1Match):
        return "GS1 " + "".join(f"({code})" for code in sorted(match.ais))
    if isinstance(match, DataMatch) and is_hibc(match):
        return "HIBC " + " ".join(sorted(match.identifiers))
    if isinstance(match, DataMatch):
        return f"ISO 15434 format {match.format} " + " ".join(sorted(match.identifiers))
    return f"text {match.pattern}"


def _if_not(station: Station) -> Iterator[str]:
    answer = station.outcome_code
    if station.pairing.strategy is Strategy.COUNT_ONLY:
        yield "no lot open, or it changed within a step: pieces are recorded as possible"
        return
    if station.pairing.strategy is Strategy.SCAN_ONLY:
        yield from _if_not_at_bench(station)
        return
    if station.pairing.strategy is Strategy.SCAN_THEN_CYCLE:
        yield f"no scan, or two: recorded as unbound, answer {answer(Outcome.UNBOUND)}"
    if station.pairing.queue is not None:
        yield from _if_not_in_order(station, station.pairing.queue)
    if station.pairing.strategy is Strategy.MULTI_CAVITY:
        yield (
            "a cavity without a code, or with two: that one is recorded as unbound, "
            f"answer {answer(Outcome.UNBOUND)}"
        )
        yield "the answer is that of the worst cavity; each has a record of its own"
    if station.pairing.strategy is Strategy.CARRIER:
        yield (
            "no carrier or two, an empty one, one loaded twice or changed during the cycle: "
            f"recorded as unbound, answer {answer(Outcome.UNBOUND)}"
        )
        yield "loaded before a restart, or a reader was away: recorded as possible"
    if station.pairing.strategy is Strategy.CYCLE_THEN_SCAN:
        yield (
            f"no scan, two, or a cycle before without a record: recorded as unbound, "
            f"answer {answer(Outcome.UNBOUND)}"
        )
        yield "another code after the answer: the record is corrected to either of the two"
    yield f"a code that no rule takes: answer {answer(Outcome.BAD_CODE)}"
    yield from _again(station, f"refused, answer {answer(Outcome.DUPLICATE)}")
    yield from _life(station, f"refused, answer {answer(Outcome.NOT_RELEASED)}")
    yield from interlocking.told(station)
    for handshake in station.handshakes:
        within = duration_text(handshake.answer_within_ms)
        late = f"answer {answer(Outcome.NOT_STORED)} ({handshake.name})"
        yield f"nothing on disk within {within}: {late}"
    ready = (
        f"'{station.ready.tag}' goes off" if station.ready else "no ready tag: the PLC is not told"
    )
    yield f"nothing can be recorded: {ready}"


def _if_not_in_order(station: Station, queue: Queue) -> Iterator[str]:
    unbound = f"recorded as unbound, answer {station.outcome_code(Outcome.UNBOUND)}"
    unread = "rejected before the station" if queue.gate else unbound
    yield f"a part that was not read: {unread}"
    yield f"more or fewer parts, or another one than expected: {unbound}"
    yield "and what was bound since the order was last proven is corrected"
    inside = [handshake.inside for handshake in station.handshakes]
    proofs = [f"{queue.sync} reads a part of it"] if queue.sync else []
    proofs += [f"'{queue.clear}' is true"] if queue.clear else []
    proofs += [f"'{tag}' agrees, unless parts were mixed up" for tag in inside if tag]
    yield f"order not known, as after a restart: {unbound}, until {' or '.join(proofs)}"


def _again(station: Station, refused: str) -> Iterator[str]:
    """Yield what becomes of a unit that comes again (D-35)."""
    if station.retests:
        yield "a unit that was NOK here comes again: recorded as another visit"
        yield f"a unit that was OK here comes again: {refused}"
        return
    again = "recorded as another visit" if station.duplicates is Policy.RECORD else refused
    yield f"a unit that was here before: {again}"


def _life(station: Station, refused: str) -> Iterator[str]:
    """Yield what becomes of units that a person has spoken of (D-35, D-36)."""
    if station.rework_limit is not None:
        yield f"a unit that came {station.rework_limit + 1} times: {refused}"
    yield f"a unit that a person has scrapped: {refused}"


_DOES = {
    Means.SCRAP: "the unit is scrap",
    Means.REWORK: "the unit may come once more",
    Means.REIDENTIFY: "the unit gets the label that is scanned after that",
    Means.NOK: "the result of the unit is NOK",
}


def _by_label(station: Station) -> Iterator[str]:
    """Yield what is done by scanning a label and then a unit."""
    means = {rule.means for rule in station.scans}
    within = duration_text(labels.WITHIN_MS)
    for each, does in _DOES.items():
        if each in means:
            yield f"{each}, then a unit at the same reader within {within}: {does}"
    if means & set(_DOES) - {Means.NOK} and station.people != "none":
        yield "who is signed on has done it; nobody: refused, the reader is told bad"


def _has_units(station: Station) -> bool:
    """Return whether units are bound, and not only packed."""
    return any(rule.means is Means.UNIT for rule in station.scans)


def _if_not_at_bench(station: Station) -> Iterator[str]:
    yield "a code that no rule takes: the reader is told bad"
    yield "nothing can be recorded: the reader is told nothing"
    if not _has_units(station):
        return
    window = duration_text(station.pairing.window_ms)
    yield f"two codes within {window}: recorded as unbound, the reader is told bad"
    yield from _again(station, "refused, the reader is told bad")
    yield from _life(station, "refused, the reader is told bad")
    yield from interlocking.told(station)


def _publishes(config: StationConfig) -> Iterator[str]:
    for sink in config.sinks.values():
        if hasattr(sink.options, "descriptor"):
            node = "/".join(sink.options.descriptor(config.station.path))
            yield f"{sink.name}: tag values and machine state, live, as the Sparkplug node {node}"
            continue
        kinds = ", ".join(sorted(sink.kinds)) if sink.kinds else "every event"
        loss = (
            "nothing is deleted before it has it"
            if sink.required
            else "may lose when disk is short"
        )
        yield f"{sink.name}: {kinds} to {sink.sink}; {loss}"
    if not config.sinks:
        yield "nowhere: events stay in the journal for as long as `journal.keep` says"
