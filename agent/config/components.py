"""What a position must agree with, the plan that it comes down to, and how it is told back."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.model import Track
from agent.config.parts import Parts
from agent.config.positions import ComponentSection
from agent.config.problems import Path
from agent.config.quantities import duration_text
from agent.core import station as plan
from agent.core.amounts import amount
from agent.core.identity.pattern import PatternError, compile_pattern
from agent.core.station import By, Component, Policy, Station, Strategy, Until

_OF_LOTS = (
    "until",
    "splice_pieces",
    "plug_flow",
    "several_lots",
    "uncertainty",
    "lag",
    "products",
    "product_pattern",
    "open_life",
    "open_life_off",
    "use",
    "measure",
    "quantity",
    "low",
    "tolerance",
)
"""Keys that say how a lot feeds many units; a serial goes into one."""
_OF_SERIALS = ("pieces", "installed")
_OF_QUANTITIES = ("measure", "quantity", "low", "tolerance")


def check_components(parts: Parts, track: Track) -> None:
    """Note what does not fit at each position."""
    for position, component in track.components.items():
        at: Path = ("track", "components", position)
        _check_lag(parts, at, component)
        if component.by is By.LOT:
            _check_life(parts, at, component)
        _check_serial(parts, at, component)
        _check_until(parts, at, component)
        _check_quantities(parts, at, component)
        _check_pattern(parts, at, component)
        if track.pair.strategy is Strategy.COUNT_ONLY and "unfit" in component.model_fields_set:
            message = "`count-only` judges no unit, so there is nothing to refuse"
            parts.refuse((*at, "unfit"), message, "remove it", key=True)
    for place, lot in enumerate(track.blocked):
        if lot in track.blocked[:place]:
            parts.refuse(("track", "blocked", place), "is listed already", "remove it")


def _check_lag(parts: Parts, at: Path, component: ComponentSection) -> None:
    """A feed path's shortest time is not its longest."""
    shortest, longest = component.lag
    if shortest > longest:
        message = "the shortest time is longer than the longest"
        parts.refuse((*at, "lag"), message, "write [min, max]")


def _check_life(parts: Parts, at: Path, component: ComponentSection) -> None:
    if component.open_life is None and "open_life_off" in component.model_fields_set:
        message = "without `open_life` no time is counted"
        parts.refuse((*at, "open_life_off"), message, "add `open_life: 168h`", key=True)


def _check_serial(parts: Parts, at: Path, component: ComponentSection) -> None:
    if component.by is By.SERIAL:
        for key in (key for key in _OF_LOTS if key in component.model_fields_set):
            message = "a serial component goes into one unit; this is for what feeds many"
            parts.refuse((*at, key), message, "remove it, or write by: lot", key=True)
        return
    for key in (key for key in _OF_SERIALS if key in component.model_fields_set):
        message = "a lot feeds many units; this is for components with a serial"
        parts.refuse((*at, key), message, "remove it, or write by: serial", key=True)


def _check_until(parts: Parts, at: Path, component: ComponentSection) -> None:
    """Each way of following each other has what it needs, and nothing of another's."""
    if component.by is By.SERIAL:
        return
    if component.until is Until.SPLICED and component.splice_pieces is None:
        message = "a splice needs `splice_pieces`: how many pieces may be of either load"
        parts.refuse((*at, "until"), message, "add splice_pieces: 20, or what was measured")
    if component.until is not Until.SPLICED and component.splice_pieces is not None:
        message = "is for `until: spliced`"
        parts.refuse((*at, "splice_pieces"), message, "remove it", key=True)
    if component.plug_flow is None:
        return
    if component.until is not Until.EMPTIED:
        parts.refuse((*at, "plug_flow"), "is for `until: emptied`", "remove it", key=True)
    elif component.use is None:
        message = "without `use` nobody knows how much has passed"
        parts.refuse((*at, "plug_flow"), message, "add `use`: what one unit takes", key=True)
    elif (amount(component.plug_flow) or 0) < 1:
        message = "a lot is not gone before all of it was used"
        parts.refuse((*at, "plug_flow"), message, "write 1 or more")


def _check_quantities(parts: Parts, at: Path, component: ComponentSection) -> None:
    if component.by is By.SERIAL:
        return
    if component.use is None:
        for key in (key for key in _OF_QUANTITIES if key in component.model_fields_set):
            message = "without `use` no quantity is counted"
            parts.refuse((*at, key), message, "add `use`: what one unit takes", key=True)
    elif not amount(component.use):
        parts.refuse((*at, "use"), "a unit takes more than nothing", "leave `use` out")


def _check_pattern(parts: Parts, at: Path, component: ComponentSection) -> None:
    if component.product_pattern is None:
        return
    try:
        compile_pattern(component.product_pattern)
    except PatternError as error:
        parts.refuse((*at, "product_pattern"), str(error))


# ------------------------------------------------------------------ the plan


def components_of(track: Track) -> tuple[Component, ...]:
    """Return the positions as the core has them."""
    return tuple(
        plan.Component(
            position=position,
            by=component.by,
            required=component.required,
            uncertainty_ms=component.uncertainty,
            lag_min_ms=component.lag[0],
            lag_max_ms=component.lag[1],
            products=tuple(sorted(component.products)),
            product_pattern=component.product_pattern,
            open_life_ms=component.open_life,
            open_life_pauses=component.open_life_off == "pauses",
            unfit=component.unfit,
            use=component.use,
            measure=component.measure,
            quantity=component.quantity,
            low=component.low,
            tolerance=component.tolerance,
            pieces=component.pieces,
            installed=component.installed,
            until=component.until,
            splice_pieces=component.splice_pieces or 0,
            plug_flow=component.plug_flow,
            several_lots=component.several_lots,
        )
        for position, component in track.components.items()
    )


# ------------------------------------------------------------------ in plain words


def told(station: Station) -> Iterator[str]:
    """Yield what each position receives, and what happens when it cannot be known or used."""
    for component in station.components:
        if component.by is By.SERIAL:
            yield from _serial(component)
            continue
        yield f"{component.position}: {_UNTIL[component.until]}, {_need(component)}"
        yield from _mixed(component)
        if component.products or component.product_pattern:
            fit = ", ".join(component.products) or f"what matches {component.product_pattern}"
            yield f"{component.position}: only {fit}; another one is {_unfit(component)}"
        if component.open_life_ms is not None:
            life = duration_text(component.open_life_ms)
            yield f"{component.position}: usable for {life} from its scan; then {_unfit(component)}"
            off = "pauses" if component.open_life_pauses else "goes on"
            yield f"{component.position}: that time {off} while it is taken off"
        if component.use is not None:
            yield f"{component.position}: {_counted(component)}"
    if station.blocked:
        yield f"blocked: {', '.join(station.blocked)}"


def _serial(component: Component) -> Iterator[str]:
    pieces = "one serial" if component.pieces == 1 else f"{component.pieces} serials"
    yield f"{component.position}: {pieces} a unit, {_need(component)}"
    taken = "refused" if component.installed is Policy.REFUSE else "recorded as a conflict"
    yield f"{component.position}: what is in another unit is {taken}"


_UNTIL = {
    Until.REPLACED: "a lot until the next is scanned",
    Until.SPLICED: "a lot until the next one, joined behind it, has come through",
    Until.EMPTIED: "every lot since it was last seen empty",
}


def _mixed(component: Component) -> Iterator[str]:
    if component.until is Until.SPLICED:
        pieces = component.splice_pieces
        yield f"{component.position}: {pieces} pieces either side of a splice may be of either lot"
    if component.plug_flow is not None:
        times = component.plug_flow
        yield f"{component.position}: a lot is gone when {times} times the contents were used"
    if component.several_lots is not None:
        sign = component.several_lots
        yield f"{component.position}: lots joined by '{sign}' on one label are each possible"


def _need(component: Component) -> str:
    return "required" if component.required else "recorded as unknown where missing"


def _unfit(component: Component) -> str:
    return "refused" if component.unfit is Policy.REFUSE else "recorded with the reason"


def _counted(component: Component) -> str:
    measure = f" {component.measure}" if component.measure else ""
    warned = f", warned at {component.low}{measure}" if component.low else ""
    inside = f" (a load without one holds {component.quantity})" if component.quantity else ""
    return (
        f"counted down by {component.use}{measure} a unit{inside}{warned}; when no more than "
        f"{component.tolerance}{measure} is left, what follows is possible for an unknown load"
    )
