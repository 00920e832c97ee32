"""From the parts of a valid station file to the plan that the core reads (`agent.core.station`)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path as File
from typing import Any

from agent.config import loaded
from agent.config.checks import readers
from agent.config.components import components_of
from agent.config.crewing import crew_of, order_need
from agent.config.crews import Operators
from agent.config.interlocks import LookupSection
from agent.config.limiting import limits_of
from agent.config.lots import lots_of
from agent.config.measuring import oee_of
from agent.config.model import Checkpoints, FromTag, Handshake, Journal, Track
from agent.config.moding import mode_of
from agent.config.neighbourhood import neighbours_of
from agent.config.ordering import orders_of, tag_of
from agent.config.packing import levels_of
from agent.config.parts import Parts, Tag
from agent.config.problems import in_order
from agent.config.products import is_per_product, products_of
from agent.config.roles import handshakes, roles_of
from agent.config.stating import state_of
from agent.config.strategies import shape, window_ms
from agent.config.watches import watches_of
from agent.core import station as plan
from agent.core.changing import digest
from agent.core.identity.scan_rule import ScanRule


def content_hash(data: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a station file says, lower-case hex.

    It is taken over the parsed content as JSON with sorted keys, so comments, the order of keys,
    quoting and line ends do not change it; every value does, and so does a default written out.
    """
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def build(parts: Parts, rules: tuple[ScanRule, ...]) -> loaded.StationConfig:
    """Return the whole configuration of parts in which nothing is wrong."""
    digest = content_hash(parts.source.data)
    track: Track = parts.sections["track"]
    operators: Operators = parts.sections["operators"]
    journal: Journal = parts.sections["journal"]
    lookup: LookupSection = parts.sections["lookup"]
    counter = _counter(parts, track)
    return loaded.StationConfig(
        file=parts.source.file,
        place=parts.source.place(("station",)),
        hash=digest,
        station=_station(parts, track, rules, digest),
        timezone=parts.sections["timezone"],
        because=track.because,
        operators=loaded.OperatorsConfig(
            mode=operators.mode,
            key=operators.key,
            roles=operators.roles,
            place=parts.source.place(("operators", "key")),
        ),
        journal=loaded.JournalConfig(
            path=None if journal.path == "default" else File(journal.path),
            keep_s=journal.keep / 1000,
            quota_bytes=journal.quota,
            place=parts.source.place(("journal", "path")),
            lookup_keep_s=lookup.keep / 1000,
        ),
        devices=_devices(parts, track),
        sinks=_sinks(parts),
        previous_place=parts.source.place(("track", "previous")),
        oee=oee_of(parts, track, counter.modulus if counter is not None else None),
        checkpoints=_checkpoints(parts),
        neighbours=neighbours_of(parts),
        warnings=in_order(parts.warnings),
    )


def _checkpoints(parts: Parts) -> loaded.CheckpointConfig | None:
    checkpoints: Checkpoints = parts.sections["checkpoints"]
    if checkpoints.key is None:
        return None
    return loaded.CheckpointConfig(
        key=checkpoints.key,
        every_s=checkpoints.every / 1000,
        place=parts.source.place(("checkpoints", "key")),
    )


def _station(parts: Parts, track: Track, rules: tuple[ScanRule, ...], digest: str) -> plan.Station:
    operators: Operators = parts.sections["operators"]
    lot = track.lot.tag if isinstance(track.lot, FromTag) else None
    order, keyed = tag_of(track), _keyed(parts)
    cavities = tuple(
        plan.Cavity(
            name=name,
            tag=cavity.tag,
            reader=cavity.reader,
            mark=cavity.mark,
            verdict=cavity.verdict,
        )
        for name, cavity in track.pair.cavities.items()
    )
    return plan.Station(
        path=parts.sections["station"],
        machine=parts.sections["machine"],
        config=digest,
        by=shape(track).by if is_per_product(track) else plan.By(track.by),
        from_lot=track.from_lot,
        products=products_of(parts, track),
        pairing=plan.Pairing(
            strategy=track.pair.strategy,
            window_ms=window_ms(track),
            settle_ms=track.pair.settle,
            late_ms=track.pair.late,
            queue=_way(track),
            load=track.pair.load,
            unload=track.pair.unload,
        ),
        handshakes=tuple(
            _handshake(parts, name, each, cavities) for name, each in handshakes(track)
        ),
        counter=_counter(parts, track),
        lot=lot,
        lot_device=_home(parts, lot),
        lots=lots_of(track),
        order=order,
        order_device=_home(parts, order),
        orders=orders_of(track),
        scans=rules,
        no_reads={name: no_reads(device.options) for name, device in readers(parts).items()},
        keyed=tuple(keyed),
        keyed_twice=tuple(name for name, way in keyed.items() if way == "twice"),
        repeat_window_ms=track.repeat_window,
        crew=crew_of(operators, track),
        requires_order=order_need(track),
        components=components_of(track),
        packing=levels_of(parts, track),
        blocked=track.blocked,
        ready=_ready(parts, track),
        answers={**plan.DEFAULT_ANSWERS, **track.answers},
        duplicates=plan.Policy.RECORD if track.duplicates == "record" else plan.Policy.REFUSE,
        retests=track.duplicates == "retest",
        rework_limit=track.rework.limit if track.rework else None,
        unknown=track.unknown,
        previous=track.previous,
        lookup_within_ms=track.lookup_within,
        operator_idle_ms=operators.idle,
        shift_ends=operators.shift_ends,
        shift_grace_ms=operators.shift_grace,
        units=_units(parts),
        result_by=track.result_by,
        devices=tuple(parts.devices),
        bypass=_bypass(parts, track),
        state=state_of(parts, track),
        mode=mode_of(track.mode),
        watches=watches_of(parts, track),
        timezone=parts.sections["timezone"],
        people=_people(operators),
        sources=_sources(parts),
    )


def _people(operators: Operators) -> str:
    """Return how operators are written: a person has the same name as long as this is the same."""
    key = operators.key if operators.mode == "pseudonym" else None
    return operators.mode if key is None else f"{operators.mode} {digest(key)}"


def _sources(parts: Parts) -> dict[str, str]:
    """Return per tag a digest of where its value comes from: driver, endpoint and address."""
    found = {}
    for name, tag in parts.tags.items():
        device = parts.devices[tag.section.device] if tag is not None else None
        if tag is not None and device is not None:
            where = (device.driver, device.spec.endpoint(device.options), repr(tag.address))
            found[name] = digest("\n".join(where))
    return found


def _keyed(parts: Parts) -> dict[str, object]:
    """Return how codes may be keyed in, by the readers in whose place they may be (D-85)."""
    ways = {
        name: getattr(device.options, "keyed", False) for name, device in readers(parts).items()
    }
    return {name: way for name, way in ways.items() if way}


def no_reads(options: Any) -> frozenset[bytes]:  # noqa: ANN401 - the driver's own model
    """Return the frames of a reader that mean "nothing read" (D-81), as it declares them."""
    declared = getattr(options, "no_read", ())
    return frozenset(
        text if isinstance(text, bytes) else str(text).encode("latin-1", "replace")
        for text in declared
    )


def never_codes(options: Any) -> frozenset[bytes]:  # noqa: ANN401 - the driver's own model
    """Return the frames of a reader that are no codes: its no-reads, and its heartbeat."""
    heartbeat = getattr(options, "heartbeat", None)
    return no_reads(options) | (
        {heartbeat.expect.encode("latin-1", "replace")} if heartbeat else set()
    )


def _handshake(
    parts: Parts, name: str, section: Handshake, cavities: tuple[plan.Cavity, ...]
) -> plan.Handshake:
    request = _tag(parts, section.request) if section.request is not None else None
    track: Track = parts.sections["track"]
    return plan.Handshake(
        name=name,
        device=_tag(parts, section.trigger).section.device,
        trigger=section.trigger,
        request=section.request,
        modulus=request.section.modulus if request is not None else None,
        guard=section.guard,
        values=section.values,
        unit=section.unit or section.carrier,
        verdict=section.verdict,
        result=section.result,
        ack=section.ack,
        answer_within_ms=section.answer_within,
        result_request=section.result_request,
        abort=section.abort,
        inside=track.pair.inside,
        cavities=cavities,
        limits=limits_of(track, section),
    )


def _way(track: Track) -> plan.Queue | None:
    """Return the way from the reader upstream to the station, None where there is none."""
    pair = track.pair
    if pair.entry is None or pair.length is None:
        return None
    return plan.Queue(
        entry=pair.entry,
        fewest=pair.length[0],
        most=pair.length[1],
        gate=pair.unread == "rejected",
        sync=pair.sync,
        clear=pair.clear,
    )


def _counter(parts: Parts, track: Track) -> plan.Counter | None:
    if track.counter is None:
        return None
    tag = _tag(parts, track.counter.tag)
    return plan.Counter(
        device=tag.section.device,
        tag=track.counter.tag,
        modulus=tag.section.modulus or 0,  # a counter without one is refused before
        max_step=track.counter.max_step,
        fastest_ms=track.counter.fastest,
    )


def _bypass(parts: Parts, track: Track) -> plan.Bypass | None:
    if track.bypass is None:
        return None
    tag = _tag(parts, track.bypass.passed)
    counter = plan.Counter(
        device=tag.section.device,
        tag=track.bypass.passed,
        modulus=tag.section.modulus or 0,  # a counter without one is refused before
        max_step=100,
        fastest_ms=1,
    )
    return plan.Bypass(counter=counter, key=track.bypass.key)


def _ready(parts: Parts, track: Track) -> plan.Ready | None:
    named = {role.name: role.tag for role in roles_of(track)}
    if "ready" not in named:
        return None
    return plan.Ready(
        device=_tag(parts, named["ready"]).section.device,
        tag=named["ready"],
        reason=named.get("reason"),
        text=named.get("text"),
    )


def _units(parts: Parts) -> dict[str, str]:
    return {
        name: tag.section.measure
        for name, tag in parts.tags.items()
        if tag is not None and tag.section.measure is not None
    }


def _tag(parts: Parts, name: str) -> Tag:
    return {name: tag for name, tag in parts.tags.items() if tag is not None}[name]


def _home(parts: Parts, name: str | None) -> str | None:
    return _tag(parts, name).section.device if name is not None else None


def _devices(parts: Parts, track: Track) -> dict[str, loaded.DeviceConfig]:
    fast = {role.tag for role in roles_of(track) if role.name in {"trigger", "request", "abort"}}
    return {
        name: loaded.DeviceConfig(
            name=name,
            driver=device.driver,
            options=device.options,
            endpoint=device.spec.endpoint(device.options),
            shareable=device.spec.shareable,
            tags=_tags(parts, name, fast),
            place=parts.source.place(("devices", name), key=True),
        )
        for name, device in parts.devices.items()
        if device is not None
    }


def _tags(parts: Parts, device: str, fast: set[str]) -> tuple[loaded.TagConfig, ...]:
    return tuple(
        loaded.TagConfig(
            name=name,
            address=tag.address,
            write=tag.section.write,
            fast=name in fast,
            place=parts.source.place(("tags", name), key=True),
        )
        for name, tag in parts.tags.items()
        if tag is not None and tag.section.device == device
    )


def _sinks(parts: Parts) -> dict[str, loaded.SinkConfig]:
    return {
        name: loaded.SinkConfig(
            name=name,
            sink=sink.sink,
            options=sink.options,
            required=sink.options.required,
            kinds=frozenset(sink.options.kinds) if sink.options.kinds else None,
            place=parts.source.place(("publish", name), key=True),
        )
        for name, sink in parts.sinks.items()
        if sink is not None
    }
