"""Random stations: every strategy, with and without request numbers, counters and `begin`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.core.identity.rules import Means, RegexMatch, ScanRule
from agent.core.station import (
    By,
    Cavity,
    Component,
    Counter,
    Handshake,
    Pairing,
    Policy,
    Queue,
    Ready,
    Station,
    Strategy,
    Until,
    Watch,
)
from tests.core_rig import BEGIN, END
from tests.soak.world import World

READERS = ("scanner",)
SETTLE_MS = 200
CARRIERS = 6
CAVITIES = ("a", "b", "c")
CODES = (
    ScanRule(match=RegexMatch(pattern=r"SN-\d+"), means=Means.UNIT),
    ScanRule(match=RegexMatch(pattern=r"M(?P<cavity>[abc])-(?P<id>SN-\d+)"), means=Means.UNIT),
    ScanRule(match=RegexMatch(pattern=r"CAR-\d+"), means=Means.CARRIER),
    ScanRule(match=RegexMatch(pattern=r"LOT-\d+"), means=Means.LOT),
    ScanRule(match=RegexMatch(pattern=r"OP-(?P<operator>\d+)"), means=Means.OPERATOR),
    ScanRule(match=RegexMatch(pattern="CANCEL"), means=Means.CANCEL),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A station, and what of its line is not in the station file."""

    station: Station
    readers: tuple[str, ...]
    faulty: bool
    watched: bool
    """Whether the PLC has a word that tells that its memory was lost."""
    passes: float
    """How often the PLC goes on without an answer."""


def plan(world: World, strategy: Strategy, *, faulty: bool) -> Plan:
    """Return a random station of a strategy."""
    components, rules = _positions(world, strategy)
    handshakes = _handshakes(world, strategy)
    pairing, readers = _pairing(world, strategy, handshakes)
    if pairing.queue is not None and not (pairing.queue.sync or pairing.queue.clear):
        handshakes = tuple(replace(handshake, inside="inside") for handshake in handshakes)
    watched = bool(handshakes) and world.chance(0.5)
    counts = strategy is Strategy.COUNT_ONLY
    is_missing_told = world.chance(0.5) and all(h.guard for h in handshakes)
    counter = Counter(
        device="plc",
        tag="count",
        modulus=world.random.choice([100, 65_536]) if not counts else 65_536,
        max_step=20,
        fastest_ms=50,
    )
    station = Station(
        path="acme/soak",
        machine="soak",
        config="c1",
        by=By.LOT if counts else By.SERIAL,
        pairing=pairing,
        handshakes=handshakes,
        counter=counter if counts or (handshakes and is_missing_told) else None,
        lot="lot" if counts and world.chance(0.6) else None,
        lot_device="plc",
        scans=(*CODES, *rules),
        no_reads={reader: frozenset({b"NOREAD"}) for reader in readers},
        components=components,
        duplicates=Policy.RECORD if world.chance(0.5) else Policy.REFUSE,
        unknown=Policy.RECORD if world.chance(0.7) else Policy.REFUSE,
        ready=Ready(device="plc", tag="ready", reason=None),
        watches=(Watch(device="plc", memory_lost="life"),) if watched else (),
        devices=("plc", *readers) if handshakes or counts else readers,
    )
    return Plan(
        station=station,
        readers=readers,
        faulty=faulty,
        watched=watched,
        passes=0.5 if faulty and world.chance(0.3) else 0.0,
    )


# ------------------------------------------------------------------ handshakes and pairing


def _handshakes(world: World, strategy: Strategy) -> tuple[Handshake, ...]:
    if strategy in {Strategy.SCAN_ONLY, Strategy.COUNT_ONLY}:
        return ()
    numbered = world.chance(0.75)
    end = replace(
        END,
        values=("stroke",),
        request="request" if numbered else None,
        modulus=world.random.choice([64, 1_000, 65_536]) if numbered else None,
        guard=("count",) if world.chance(0.7) else (),
        abort="abort" if world.chance(0.4) else None,
        unit="code" if strategy is Strategy.TAG else None,
        answer_within_ms=5_000,
        cavities=_cavities(world) if strategy is Strategy.MULTI_CAVITY else (),
        inside=None,
    )
    begin = replace(BEGIN, values=("stroke",), unit=end.unit, guard=end.guard)
    if strategy is Strategy.CARRIER and world.chance(0.5):
        end, begin = replace(end, unit="code"), replace(begin, unit="code")
    with_begin = strategy in {Strategy.SCAN_THEN_CYCLE, Strategy.TAG, Strategy.CARRIER}
    return (begin, end) if with_begin and world.chance(0.3) else (end,)


def _cavities(world: World) -> tuple[Cavity, ...]:
    names = CAVITIES[: world.between(2, 3)]
    how = world.random.choice(["tag", "reader", "mark"])
    if how == "tag":
        return tuple(Cavity(name=name, tag=f"code_{name}") for name in names)
    if how == "reader":
        return tuple(Cavity(name=name, reader=f"reader_{name}") for name in names)
    return tuple(Cavity(name=name, mark=name) for name in names)


def _pairing(
    world: World, strategy: Strategy, handshakes: tuple[Handshake, ...]
) -> tuple[Pairing, tuple[str, ...]]:
    """Return how codes and cycles are paired, and the readers for it."""
    window_ms = world.random.choice([10_000, 30_000])
    window_ms = 1_000 if strategy is Strategy.SCAN_ONLY else window_ms
    window_ms = 3_000 if strategy is Strategy.CYCLE_THEN_SCAN else window_ms
    pairing = Pairing(
        strategy=strategy,
        window_ms=window_ms,
        settle_ms=SETTLE_MS,
        late_ms=world.random.choice([0, 0, 2_000]),
    )
    readers: tuple[str, ...] = READERS
    if strategy is Strategy.FIFO:
        how = world.random.choice(["sync", "inside", "clear"])
        queue = Queue(
            entry="entry",
            fewest=1,
            most=world.between(4, 7),
            gate=world.chance(0.4),
            sync="sync" if how == "sync" else None,
            clear="clear" if how == "clear" else None,
        )
        pairing, readers = replace(pairing, queue=queue), ("scanner", "entry", "sync")
    elif strategy is Strategy.CARRIER:
        pairing = replace(pairing, load=("load",), unload=("unload",))
        readers = ("scanner", "load", "unload")
    own = tuple(cavity.reader for h in handshakes for cavity in h.cavities if cavity.reader)
    return pairing, (*readers, *own)


# ------------------------------------------------------------------ material


_SHARED = ["lot", "lot", "splice", "vessel", "flow"]
"""Kinds of positions that several units can be fed from."""


def _positions(
    world: World, strategy: Strategy
) -> tuple[tuple[Component, ...], tuple[ScanRule, ...]]:
    """Return up to three positions of random kinds, and the rules of their labels."""
    several = strategy in {Strategy.MULTI_CAVITY, Strategy.COUNT_ONLY}
    kinds = _SHARED if several else [*_SHARED, "serial", "kit"]
    components, rules = [], []
    for n in range(world.between(0, 3)):
        components.append(_component(world, f"p{n}", world.random.choice(kinds)))
        rules += _labels(components[-1])
    return tuple(components), tuple(rules)


def _component(world: World, position: str, kind: str) -> Component:
    lag_ms = world.random.choice([0, 0, 3_000])
    counted = world.chance(0.5)
    component = Component(
        position=position,
        by=By.SERIAL if kind in {"serial", "kit"} else By.LOT,
        required=kind not in {"serial", "kit"} and world.chance(0.2),
        uncertainty_ms=world.random.choice([0, 2_000, 5_000]),
        lag_min_ms=lag_ms // 2,
        lag_max_ms=lag_ms,
        pieces=world.between(2, 3) if kind == "kit" else 1,
        installed=Policy.RECORD,
        unfit=Policy.RECORD,
    )
    if kind == "splice":
        return replace(
            component,
            until=Until.SPLICED,
            splice_pieces=world.between(1, 6),
            uncertainty_ms=0,
            lag_min_ms=0,
            lag_max_ms=0,
        )
    if kind in {"vessel", "flow"}:
        component = replace(component, until=Until.EMPTIED)
    if kind == "flow":
        factor = world.random.choice(["1", "1.5"])
        return replace(component, plug_flow=factor, use="1", measure="pcs", tolerance="1")
    if kind == "lot" and counted:
        return replace(component, use="1", measure="pcs", tolerance="1", lag_min_ms=0, lag_max_ms=0)
    return component


def _labels(component: Component) -> list[ScanRule]:
    name = component.position.upper()
    lot = rf"{name}L(?P<id>\d+)(?:Q(?P<quantity>\d+))?"
    means = [
        (lot, Means.COMPONENT),
        (f"{name}OFF", Means.UNLOAD),
        (f"{name}EMPTY", Means.EMPTIED),
    ]
    if component.by is By.SERIAL:
        means = [(rf"{name}S(?P<id>\d+)", Means.COMPONENT)]
    return [
        ScanRule(match=RegexMatch(pattern=pattern), means=meaning, position=component.position)
        for pattern, meaning in means
    ]
