"""What products must agree with, the plan that they come down to, and how it is told back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agent.config.granular import ProductSection, ProductSource
from agent.config.model import FromTag, Track
from agent.config.parts import Parts
from agent.config.problems import Path, did_you_mean, shown
from agent.config.roles import handshakes
from agent.core import station as plan
from agent.core.identity.pattern import Pattern, PatternError, compile_pattern
from agent.core.station import By, Station, Strategy

PER_PRODUCT = "product"
_SOURCE: Path = ("track", "product")
_UNKNOWN: Path = ("track", "unknown_product")
_WORDS = ("strictest", "refuse")
_FINEST = (By.BOTH, By.SERIAL, By.LOT)
_NOT_BUILT: Mapping[Strategy, str] = {
    Strategy.FIFO: "parts without an identity would come between those that were read",
    Strategy.MULTI_CAVITY: "its counter counts shots, and a lot wants pieces",
    Strategy.SCAN_ONLY: "a bench has no counter that pieces of a lot would be counted by",
}
"""Strategies that cannot go from units to lots and back, and why."""


def declared(parts: Parts) -> Mapping[str, ProductSection]:
    """Return the products of a file, none where they are wrong."""
    found: Mapping[str, ProductSection] = parts.sections.get("products") or {}
    return found


def is_per_product(track: Track) -> bool:
    """Return whether each product has a granularity of its own."""
    return track.by == PER_PRODUCT


def levels(parts: Parts, track: Track) -> frozenset[By]:
    """Return what the station tracks by, over all of its products."""
    if is_per_product(track):
        return frozenset(product.by for product in declared(parts).values())
    return frozenset({By(track.by)})


def wants_lots(parts: Parts, track: Track) -> bool:
    """Return whether a lot is open here: pieces are counted to it, or units are of it."""
    some = any(product.from_lot for product in declared(parts).values())
    by_lot = levels(parts, track) - {By.SERIAL}
    return track.from_lot or bool(by_lot) or (is_per_product(track) and some)


def check_products(parts: Parts, track: Track) -> None:
    """Products stand where each has its own level, and nowhere else; they can be told apart."""
    _check_from_lot(parts, track)
    if not is_per_product(track):
        _check_unused(parts, track)
        return
    if not declared(parts) and "products" not in parts.source.data:
        hint = "add `products: {NAME: {by: …, ids: …}}`"
        parts.refuse(("track", "by"), "by product, but no product is declared", hint)
    if track.product is None:
        hint = "add `product: {tag: …}`, `{orders: …}` or `scan`"
        parts.refuse(("track",), "nothing names the product that is made", hint, key=True)
    if track.because is not None:
        message = "each product has its own reason"
        parts.refuse(("track", "because"), message, "write it at the product", key=True)
    _check_names(parts, track)
    _check_sources(parts, track)
    _check_unknown(parts, track)
    _check_counting(parts, track)
    _check_home(parts, track)


def _check_unused(parts: Parts, track: Track) -> None:
    for key in ("product", "unknown_product"):
        if key in track.model_fields_set:
            message = f"the station tracks everything by {track.by}"
            parts.refuse(("track", key), message, "write `by: product`, or remove it", key=True)
    if declared(parts):
        message = f"the station tracks everything by {track.by}"
        parts.refuse(("products",), message, "write `by: product`, or remove it", key=True)


def _check_from_lot(parts: Parts, track: Track) -> None:
    """What has no identity does not get one here."""
    message, hint = "pieces that are tracked by lot get no identity here", "by: serial, or both"
    if track.from_lot and is_per_product(track):
        parts.refuse(("track", "from_lot"), "each product says it for itself", "write it there")
    elif track.from_lot and track.by == By.LOT:
        parts.refuse(("track", "from_lot"), message, hint)
    for name, product in declared(parts).items():
        if product.from_lot and product.by is By.LOT:
            parts.refuse(("products", name, "from_lot"), message, hint)


# ------------------------------------------------------------------ names


def _check_names(parts: Parts, track: Track) -> None:
    """One name, one product."""
    by_order = isinstance(track.product, ProductSource) and bool(track.product.orders)
    owners: dict[str, str] = {}
    patterns: dict[str, Pattern] = {}
    for name, product in declared(parts).items():
        at: Path = ("products", name)
        if name in _WORDS:
            parts.refuse(at, f"'{name}' is a word of `unknown_product`", "rename it", key=True)
        _check_because(parts, at, product)
        for key in ("ids", "pattern"):
            if by_order and key in product.model_fields_set:
                message = "the order says the product, so nothing else does"
                parts.refuse((*at, key), message, "remove it", key=True)
        for text in ids_of(name, product):
            owner = owners.setdefault(text, name)
            if owner != name:
                parts.refuse(
                    (*at, "ids"), f"{shown(text)} is '{owner}' already", "one id, one product"
                )
        pattern = _compiled(parts, at, product)
        if pattern is not None:
            _check_pattern(parts, (*at, "pattern"), pattern, patterns)
            patterns[name] = pattern


def _check_pattern(parts: Parts, at: Path, pattern: Pattern, others: Mapping[str, Pattern]) -> None:
    for other, known in others.items():
        both = pattern.automaton.common(known.automaton)
        if both is not None:
            message = f"{shown(both)} would be '{other}' as well"
            parts.refuse(at, message, "narrow one of the two")


def _compiled(parts: Parts, at: Path, product: ProductSection) -> Pattern | None:
    if product.pattern is None:
        return None
    try:
        return compile_pattern(product.pattern)
    except PatternError as error:
        parts.refuse((*at, "pattern"), str(error))
        return None


def _check_because(parts: Parts, at: Path, product: ProductSection) -> None:
    """The level fits why it was chosen (D-12, D-14)."""
    if product.by is By.LOT and product.because in {"risk", "regulated"}:
        message = f"by lot although {product.because}: a recall takes in the whole lot"
        hint = "check that the law or the risk allows lots (D-12, D-14)"
        parts.warn((*at, "because"), message, hint)
    if product.by is not By.LOT and product.because == "volume":
        message = f"by {product.by} because of volume: serials that nobody needs cost most"
        parts.warn((*at, "because"), message, "lots may do (D-14)")


def ids_of(name: str, product: ProductSection) -> tuple[str, ...]:
    """Return what a product is called: its own name where nothing else is said."""
    return product.ids or (() if product.pattern else (name,))


# ------------------------------------------------------------------ sources


def _check_sources(parts: Parts, track: Track) -> None:
    """Each name is a product's; a code says the product only where it comes before the cycle."""
    if isinstance(track.product, ProductSource):
        for begin, name in track.product.orders.items():
            if not begin:
                message = "every order begins with nothing"
                parts.refuse((*_SOURCE, "orders", begin), message, "write how they begin", key=True)
            if name not in declared(parts):
                hint = did_you_mean(name, declared(parts))
                parts.refuse((*_SOURCE, "orders", begin), f"no product {shown(name)}", hint)
    if track.product == "scan" and track.pair.strategy not in _SCANNED_BEFORE:
        message = f"with '{track.pair.strategy}' no code says before the cycle what is made"
        parts.refuse(_SOURCE, message, "use `{tag: …}` or `{orders: …}`")


_SCANNED_BEFORE = (Strategy.SCAN_THEN_CYCLE, Strategy.COUNT_ONLY)


def _check_unknown(parts: Parts, track: Track) -> None:
    name = track.unknown_product
    if name not in (*_WORDS, *declared(parts)):
        hint = did_you_mean(name, (*_WORDS, *declared(parts)))
        parts.refuse(_UNKNOWN, f"no product {shown(name)}", hint)


def _check_counting(parts: Parts, track: Track) -> None:
    """Pieces of a lot are counted by the counter, beside the cycles of units."""
    found = levels(parts, track)
    if By.LOT not in found or track.pair.strategy is Strategy.COUNT_ONLY:
        return
    if track.pair.strategy in _NOT_BUILT:
        message = f"'{track.pair.strategy}' cannot go from units to lots and back"
        message += f" in this version: {_NOT_BUILT[track.pair.strategy]}"
        parts.refuse(
            ("track", "pair", "strategy"), message, "track every product by serial or both"
        )
    elif track.counter is None:
        message = "some products are tracked by lot, and nothing counts their pieces"
        parts.refuse(("track",), message, "add `counter: {tag: …, fastest: …}`", key=True)


def _check_home(parts: Parts, track: Track) -> None:
    """Counter, product and lot are read with the cycle: all of it is one device's."""
    named: dict[str, tuple[Path, str | None]] = {
        "product": ((*_SOURCE, "tag"), product_tag(track)),
        "lot": (("track", "lot", "tag"), track.lot.tag if isinstance(track.lot, FromTag) else None),
        "counter": (("track", "counter", "tag"), track.counter.tag if track.counter else None),
    }
    homes = {_home(parts, handshake.trigger) for _, handshake in handshakes(track)} - {None}
    for what, (at, name) in named.items():
        device = _home(parts, name)
        if device is not None and homes and device not in homes:
            message = f"'{name}' is on {device}, the trigger on {next(iter(homes))}"
            parts.refuse(at, message, f"the {what} is read with the cycle")


def _home(parts: Parts, name: str | None) -> str | None:
    """Return the device of a tag, None where there is none or it is wrong."""
    tag = parts.tags.get(name or "")
    return tag.section.device if tag is not None else None


def product_tag(track: Track) -> str | None:
    """Return the tag that tells the product: its own, or that of the order."""
    if not isinstance(track.product, ProductSource):
        return None
    by_order = track.order.tag if track.order is not None else None
    return by_order if track.product.orders else track.product.tag


# ------------------------------------------------------------------ the plan


def products_of(parts: Parts, track: Track) -> plan.ProductPlan | None:
    """Return the products, and where the station learns which one it makes."""
    if not is_per_product(track):
        return None
    found = tuple(_product(name, product) for name, product in declared(parts).items())
    tag = product_tag(track)
    by_order = isinstance(track.product, ProductSource) and track.product.orders
    return plan.ProductPlan(
        products=found,
        tag=tag,
        device=_home(parts, tag),
        orders=tuple(by_order.items()) if by_order else (),
        unknown=_unknown(found, track.unknown_product),
        refuses=track.unknown_product == "refuse",
    )


def _product(name: str, section: ProductSection) -> plan.Product:
    return plan.Product(
        name=name,
        by=section.by,
        from_lot=section.from_lot,
        ids=ids_of(name, section),
        pattern=section.pattern,
    )


def _unknown(found: tuple[plan.Product, ...], named: str) -> plan.Product:
    """Return how an unknown product is tracked: as the one that is named, else as the strictest."""
    for product in found:
        if product.name == named:
            return product
    finest = next(level for level in _FINEST if level in {product.by for product in found})
    from_lot = any(product.from_lot for product in found)
    return plan.Product(name="", by=finest, from_lot=from_lot)


# ------------------------------------------------------------------ in plain words


def told(station: Station) -> Iterator[str]:
    """Yield how each product is tracked, and what happens while it is not known."""
    found = station.products
    if found is None:
        if station.by is By.BOTH or station.from_lot:
            yield f"each {_how(station.by, from_lot=station.from_lot)} ({_lot_source(station)})"
        return
    for product in found.products:
        called = _called(station, product)
        yield f"{product.name} ({called}): {_how(product.by, from_lot=product.from_lot)}"
    yield f"which of them is made: {_source(station)}"
    if station.names_lots:
        yield f"the lot: {_lot_source(station)}"
    if station.counts_pieces and station.counter is not None and station.handshakes:
        yield f"a piece of '{station.counter.tag}' that is no unit's is counted to the lot"


def told_if_not(station: Station) -> Iterator[str]:
    """Yield what happens at a changeover, and while the product is not known."""
    found = station.products
    if found is None:
        return
    how = _how(found.unknown.by, from_lot=found.unknown.from_lot)
    if found.refuses:
        number = station.outcome_code(plan.Outcome.NOT_RELEASED)
        yield f"product not known: a unit is refused, answer {number}; pieces are counted as {how}"
    else:
        yield f"product not known: {how}, and the record says so"
    yield "product changed while it was made: possible for both, in one record"


def _how(by: By, *, from_lot: bool) -> str:
    how = {
        By.SERIAL: "a unit with an identity of its own",
        By.LOT: "pieces counted to the lot that is open",
        By.BOTH: "a unit with an identity of its own, one of the lot that is open",
    }[by]
    return f"{how}, until it is marked here a piece of a lot" if from_lot else how


def _called(station: Station, product: plan.Product) -> str:
    found = station.products
    if found is not None and found.orders:
        begins = [f"{begin}…" for begin, name in found.orders if name == product.name]
        return f"orders {', '.join(begins)}" if begins else "no order"
    like = [f"like {product.pattern}"] if product.pattern else []
    return ", ".join([*product.ids, *like])


def _source(station: Station) -> str:
    found = station.products
    if found is None or found.by_scan:
        return "by the codes of units and lots that are scanned"
    if found.orders:
        return f"by the order, in '{found.tag}'" if found.tag else "by the order that is scanned"
    return f"by '{found.tag}'"


def _lot_source(station: Station) -> str:
    return f"named by tag '{station.lot}'" if station.lot else "named by scan"
