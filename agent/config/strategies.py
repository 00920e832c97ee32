"""What each pairing strategy needs of a station file, and what it has no use for (D-23).

One shape a strategy: the checks read the table. What a strategy would ignore is refused, so that
nobody believes in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.config import products
from agent.config.figures import OeeSection
from agent.config.model import Track
from agent.config.parts import Parts
from agent.config.problems import Path, did_you_mean, shown
from agent.config.quantities import duration_text
from agent.config.roles import handshakes
from agent.core.station import By, Strategy

_WAITING = frozenset({"window", "settle", "late"})
_OF_UNITS = frozenset(
    {"requires", "duplicates", "previous", "rework", "unknown", "lookup_within", "answers"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a station file looks like under one strategy."""

    by: By
    """What it binds."""
    handshakes: tuple[str, ...] = ("begin", "end")
    """Those that it can have; `end` is needed where it stands here."""
    why_not: str = ""
    """Why it cannot have the others."""
    scans: bool = False
    """Whether its codes come by scan: it needs a reader."""
    unit_tag: bool = False
    """Whether each handshake names the tag that carries the unit's code."""
    waits: frozenset[str] = frozenset()
    """Which of `window`, `settle` and `late` it goes by."""
    window_ms: int = 30_000
    """The window where the file says none."""
    useless: Mapping[str, str] | None = None
    """Keys of `track` that it has no use for, and why."""


_NO_PLC = "no PLC takes part in `scan-only`"
SHAPES: Mapping[Strategy, Shape] = {
    Strategy.SCAN_THEN_CYCLE: Shape(by=By.SERIAL, scans=True, waits=_WAITING),
    Strategy.CYCLE_THEN_SCAN: Shape(
        by=By.SERIAL,
        handshakes=("end",),
        why_not="`cycle-then-scan` knows its unit only when the machine has worked",
        scans=True,
        waits=_WAITING,
        window_ms=3_000,
    ),
    Strategy.FIFO: Shape(
        by=By.SERIAL,
        handshakes=("end",),
        why_not="`fifo` has one handshake, `end`",
        scans=True,
        waits=frozenset({"settle"}),
    ),
    Strategy.TAG: Shape(by=By.SERIAL, unit_tag=True),
    Strategy.CARRIER: Shape(by=By.SERIAL, scans=True, waits=_WAITING, window_ms=10_000),
    Strategy.MULTI_CAVITY: Shape(
        by=By.SERIAL,
        handshakes=("end",),
        why_not="`multi-cavity` has one handshake, `end`",
        waits=_WAITING,
    ),
    Strategy.SCAN_ONLY: Shape(
        by=By.SERIAL,
        handshakes=(),
        why_not="`scan-only` has no handshake: the scan is the cycle",
        scans=True,
        waits=frozenset({"window", "settle"}),
        window_ms=1_000,
        useless={"counter": _NO_PLC, "answers": f"{_NO_PLC}, so none reads an answer"},
    ),
    Strategy.COUNT_ONLY: Shape(
        by=By.LOT,
        handshakes=(),
        why_not="`count-only` has no handshake",
        useless=dict.fromkeys(
            _OF_UNITS, "`count-only` judges no unit, so there is nothing to refuse or answer"
        ),
    ),
}


def shape(track: Track) -> Shape:
    """Return what the station's strategy asks of its file."""
    return SHAPES[track.pair.strategy]


def by_scan(track: Track) -> bool:
    """Return whether codes of units come by scan: always, or from some of the cavities."""
    return shape(track).scans or any(each.tag is None for each in track.pair.cavities.values())


def check_level(parts: Parts, track: Track) -> None:
    """The strategy binds what the station tracks; units may be of lots besides."""
    binds = shape(track).by
    fit = {By.LOT} if binds is By.LOT else set(By)
    found = products.levels(parts, track)
    if found <= fit and (binds is By.LOT or found != {By.LOT}):
        return
    if products.is_per_product(track):
        message = f"'{track.pair.strategy}' binds by {binds}, and "
        message += "every product is tracked by lot" if binds is By.SERIAL else "some are units"
        parts.refuse(("track", "pair", "strategy"), message, _strategies_for(binds))
        return
    message = f"'{track.pair.strategy}' binds by {binds}, the station tracks by {track.by}"
    parts.refuse(("track", "pair", "strategy"), message, _strategies_for(binds))


def _strategies_for(not_by: By) -> str:
    """Return which strategies bind the other thing."""
    level = By.LOT if not_by is By.SERIAL else By.SERIAL
    fit = [strategy.value for strategy, each in SHAPES.items() if each.by is level]
    return f"for {level}: {', '.join(fit)}"


def check_handshakes(parts: Parts, track: Track) -> None:
    """A strategy has the handshakes that it needs, and no other."""
    wanted = shape(track)
    for name, _ in handshakes(track):
        if name not in wanted.handshakes:
            hint = "remove it, or choose another strategy"
            parts.refuse(("track", name), wanted.why_not, hint, key=True)
    if "end" in wanted.handshakes and track.end is None:
        message = f"'{track.pair.strategy}' needs the handshake `end`"
        parts.refuse(("track",), message, "add `end: {trigger: …, result: …, ack: …}`", key=True)
    begin, end = track.begin, track.end
    if begin is not None and end is not None and begin.trigger == end.trigger:
        message = f"'{end.trigger}' is the trigger of `begin` already"
        parts.refuse(("track", "end", "trigger"), message, "give each handshake its own")


def check_code(parts: Parts, track: Track) -> None:
    """The code comes by tag or by scan, as the strategy says."""
    wanted = shape(track)
    for name, handshake in handshakes(track):
        if wanted.unit_tag and handshake.unit is None:
            message = "strategy 'tag' needs `unit`: the tag that carries the code"
            parts.refuse(("track", name, "unit"), message)
        if not wanted.unit_tag and wanted.handshakes and handshake.unit is not None:
            message = "the code comes by scan, not by tag"
            if track.pair.strategy is Strategy.MULTI_CAVITY:
                message = "each cavity has its own code"
            parts.refuse(
                ("track", name, "unit"), message, "remove it, or use strategy: tag", key=True
            )


def check_carriers(parts: Parts, track: Track) -> None:
    """Only carriers are loaded and unloaded: at readers, and never at one for both."""
    pair = track.pair
    if pair.strategy is not Strategy.CARRIER:
        for key in sorted({"load", "unload"} & pair.model_fields_set):
            parts.refuse(("track", "pair", key), _ONLY_CARRIER, "remove it", key=True)
        for name, handshake in handshakes(track):
            if handshake.carrier is not None:
                parts.refuse(("track", name, "carrier"), _ONLY_CARRIER, "remove it", key=True)
        return
    for key, names in (("load", pair.load), ("unload", pair.unload)):
        at: Path = ("track", "pair", key)
        if not names:
            what = "a carrier and its unit come together" if key == "load" else "they part"
            parts.refuse(at, f"`carrier` needs the readers where {what}", "name one or more")
        for place, name in enumerate(names):
            _check_reader(parts, (*at, place), name)
            if key == "unload" and name in pair.load:
                message = f"'{name}' is at the load point already"
                parts.refuse((*at, place), message, "one reader, one point")


def _check_reader(parts: Parts, at: Path, name: str) -> None:
    """A point's reader is a device that reads codes."""
    device = parts.devices.get(name)
    if name not in parts.devices:
        parts.refuse(at, f"no device {shown(name)}", did_you_mean(name, parts.devices))
    elif device is not None and device.spec.tag_options is not None:
        parts.refuse(at, f"'{name}' reads no codes", "name a scanner")


_ONLY_CARRIER = "only strategy `carrier` has carriers"


def check_cavities(parts: Parts, track: Track) -> None:
    """Only several cavities are told apart, by tags on the machine or by readers of their own."""
    cavities = track.pair.cavities
    at: Path = ("track", "pair", "cavities")
    if track.pair.strategy is not Strategy.MULTI_CAVITY:
        if "cavities" in track.pair.model_fields_set:
            message = "only strategy `multi-cavity` has cavities"
            parts.refuse(at, message, "remove it", key=True)
        return
    if len(cavities) < _FEWEST:
        message = "`multi-cavity` needs its cavities, two or more"
        parts.refuse(at, message, "add {NAME: {tag: …}}, {reader: …} or {mark: …} for each")
    seen: dict[tuple[str, str], str] = {}
    for name, cavity in cavities.items():
        source = next((key, getattr(cavity, key)) for key in _SOURCES if getattr(cavity, key))
        if seen.setdefault(source, name) != name:
            message = f"{shown(source[1])} is the {source[0]} of '{seen[source]}' already"
            parts.refuse((*at, name, source[0]), message, "one cavity, one source")
        if cavity.reader is not None:
            _check_reader(parts, (*at, name, "reader"), cavity.reader)
        for key in ("tag", "verdict"):
            _check_home(parts, track, (*at, name, key), getattr(cavity, key))
    _check_serials(parts, track)


def _check_serials(parts: Parts, track: Track) -> None:
    """A serial component goes into one of the cavities, and nothing says into which."""
    for position, component in track.components.items():
        if component.by is By.SERIAL:
            message = "nobody can tell which cavity a serial component goes into"
            parts.refuse(("track", "components", position, "by"), message, "track it by lot")


_FEWEST = 2
_SOURCES = ("tag", "reader", "mark")


def _check_home(parts: Parts, track: Track, at: Path, name: str | None) -> None:
    """A cavity's tag is read in the handshake's snapshot, so it is on its device."""
    tag = parts.tags.get(name or "")
    trigger = parts.tags.get(track.end.trigger) if track.end is not None else None
    if tag is None or trigger is None or tag.section.device == trigger.section.device:
        return
    message = f"'{name}' is on {tag.section.device}, the trigger on {trigger.section.device}"
    parts.refuse(at, message, "all tags of a handshake are on one device")


def check_queue(parts: Parts, track: Track) -> None:
    """Only `fifo` has a queue: its reader, its length, and what proves its order anew."""
    pair = track.pair
    if pair.strategy is not Strategy.FIFO:
        for key in sorted(_OF_QUEUES & pair.model_fields_set):
            message = "only strategy `fifo` has a queue"
            parts.refuse(("track", "pair", key), message, "remove it", key=True)
        return
    at: Path = ("track", "pair")
    if pair.entry is None:
        parts.refuse((*at, "entry"), "`fifo` needs the reader that every part passes")
    if pair.length is None:
        parts.refuse((*at, "length"), "`fifo` needs the fewest and the most parts: [2, 6]")
    elif pair.length[0] > pair.length[1]:
        parts.refuse((*at, "length"), "the fewest are more than the most", "write [fewest, most]")
    if pair.sync is None and pair.inside is None and pair.clear is None:
        message = "nothing would prove the order anew after a restart or a part that was taken off"
        parts.refuse(at, message, "add `sync`, `inside` or `clear`", key=True)
    for key, name in (("entry", pair.entry), ("sync", pair.sync)):
        if name is not None:
            _check_reader(parts, (*at, key), name)
    if pair.sync is not None and pair.sync == pair.entry:
        parts.refuse((*at, "sync"), f"'{pair.sync}' is the entry already", "one reader, one point")
    _check_home(parts, track, (*at, "inside"), pair.inside)


_OF_QUEUES = frozenset({"entry", "length", "unread", "sync", "inside", "clear"})


def check_counting(parts: Parts, track: Track) -> None:
    """Counting needs a counter; whatever is of a lot needs to know which one it is."""
    strategy = track.pair.strategy
    counts = strategy is Strategy.COUNT_ONLY
    if not counts and products.levels(parts, track) == {By.LOT}:
        return  # the strategy does not fit, and that is said
    if not counts and not products.wants_lots(parts, track):
        if track.lot is not None:
            message = "no piece is of a lot here: they are tracked by serial"
            hint = "remove it; `by: both` and `from_lot` have lots, and so has `count-only`"
            parts.refuse(("track", "lot"), message, hint, key=True)
        return
    if track.counter is None and counts:
        message = "`count-only` needs `counter`"
        parts.refuse(("track",), message, "add `counter: {tag: …, fastest: …}`", key=True)
    if track.lot is None:
        message = "`count-only` needs `lot`: where it learns the lot it makes"
        if not counts:
            message = "what is of a lot needs `lot`: where it is learned which one it is"
        parts.refuse(("track",), message, "add `lot: scan` or `lot: {tag: …}`", key=True)


def window_ms(track: Track) -> int:
    """Return the station's window, or that of its strategy where it says none."""
    return shape(track).window_ms if track.pair.window is None else track.pair.window


def check_answer_waits(parts: Parts, track: Track) -> None:
    """A scan that is waited for after the trigger comes before the answer is overdue (D-40)."""
    if track.pair.strategy is not Strategy.CYCLE_THEN_SCAN or track.end is None:
        return
    longest_ms = window_ms(track) + track.pair.settle + track.lookup_within
    if track.end.answer_within <= longest_ms:
        message = f"the scan may come, and be looked up, until {duration_text(longest_ms)}"
        hint = f"more than {duration_text(longest_ms)}, and less than the PLC's own time-out"
        at = ("track", "end", "answer_within")
        parts.refuse(at if "answer_within" in track.end.model_fields_set else at[:2], message, hint)


def check_late(parts: Parts, track: Track) -> None:
    """What trails a refused cycle is over before the next part can be scanned (D-24)."""
    if "late" not in shape(track).waits:
        return
    found = [cycle for cycle in _cycles(parts, track) if cycle[0] <= track.pair.late]
    if track.pair.late and found:
        cycle_ms, key = min(found)
        message = f"{duration_text(track.pair.late)} reach into the next cycle, which can begin "
        message += f"{duration_text(round(cycle_ms))} after this one by `{key}`: after a refused "
        message += "cycle the next part's scan would expire as this one's"
        hint = "less than the pause between two parts; 0 where scans do not trail"
        parts.warn(("track", "pair", "late"), message, hint)


def _cycles(parts: Parts, track: Track) -> Iterator[tuple[float, str]]:
    """Yield how short a cycle may be, in ms, and which key says so."""
    oee: OeeSection | None = parts.sections.get("oee")
    if track.counter is not None:
        yield track.counter.fastest, "track.counter.fastest"
    if oee is None:
        return
    at_once = max(1, len(track.pair.cavities))
    if oee.ideal_cycle is not None:
        yield oee.ideal_cycle * at_once / 1000, "oee.ideal_cycle"
    for name, piece_us in oee.ideal_cycles.items():
        yield piece_us * at_once / 1000, f"oee.ideal_cycles.{name}"


def check_ignored(parts: Parts, track: Track) -> None:
    """What the strategy has no use for is refused, not passed over."""
    strategy, wanted = track.pair.strategy, shape(track)
    waits = wanted.waits if by_scan(track) else frozenset()
    for key in sorted(track.pair.model_fields_set & _WAITING - waits):
        message = f"'{strategy}' has no use for `{key}`" if waits else ""
        message = message or f"'{strategy}' waits for no scan"
        parts.refuse(("track", "pair", key), message, "remove it", key=True)
    useless = wanted.useless or {}
    for key in sorted(track.model_fields_set & set(useless)):
        parts.refuse(("track", key), useless[key], "remove it", key=True)
