"""Whether `neighbours` fits the rest, where those stations are reached, and what it means in words.

The options of an MQTT sink have all that is needed to reach its broker; a `broker` of its own is
judged by the same model as those. Whose it is, is handed in (`Registries.broker`).
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.config import loaded
from agent.config.elsewhere import NeighboursSection
from agent.config.parts import Parts
from agent.config.problems import did_you_mean, shown
from agent.config.quantities import duration_text

_MQTT, _V5 = "mqtt", 5


def check_neighbours(parts: Parts) -> None:
    """Every neighbour is another station, and there is one broker to hear them from."""
    section: NeighboursSection | None = parts.sections.get("neighbours")
    if section is None:
        return
    if not section.stations:
        at = ("neighbours", "stations")
        parts.refuse(at, "names no station", "name one, or remove all of it")
    own = parts.sections.get("station")
    for n, path in enumerate(section.stations):
        if path == own:
            parts.refuse(("neighbours", "stations", n), "is this station itself", "remove it")
        elif path in section.stations[:n]:
            message = f"{shown(path)} stands twice"
            parts.refuse(("neighbours", "stations", n), message, "remove one")
    if section.broker is not None and section.via is not None:
        message = "there is a `broker` of its own beside it"
        parts.refuse(("neighbours", "via"), message, "give one of the two")
    elif section.broker is None:
        _check_via(parts, section)
    elif section.client_id is not None and "client_id" in section.broker:
        message = "stands in `broker` too"
        parts.refuse(("neighbours", "client_id"), message, "give one of the two")


def _check_via(parts: Parts, section: NeighboursSection) -> None:
    """Find the one sink whose broker it is."""
    known = [name for name, sink in parts.sinks.items() if sink is None or sink.sink == _MQTT]
    at = ("neighbours",) if section.via is None else ("neighbours", "via")
    if section.via is not None and section.via not in known:
        message = f"no mqtt entry of `publish` is called {shown(section.via)}"
        parts.refuse(at, message, did_you_mean(section.via, known))
    elif section.via is None and not known:
        parts.refuse(at, "there is no mqtt entry in `publish`", "add a `broker`", key=True)
    elif section.via is None and len(known) > 1:
        message = f"of {', '.join(known)} it is not said whose broker it is"
        parts.refuse(at, message, "add `via`, or a `broker`", key=True)
    else:
        sink = parts.sinks[section.via or known[0]]
        if sink is not None and sink.options.version != _V5:
            message = "a session that waits needs MQTT v5, and that entry has `version: 3.1.1`"
            parts.refuse(at, message, "add a `broker` that knows v5", key=section.via is None)


def neighbours_of(parts: Parts) -> loaded.NeighboursConfig | None:
    """Return which stations are followed and where, None for none."""
    section: NeighboursSection | None = parts.sections["neighbours"]
    if section is None:
        return None
    options = parts.broker
    if section.broker is None:
        known = [name for name, sink in parts.sinks.items() if sink and sink.sink == _MQTT]
        sink = parts.sinks[section.via or known[0]]
        options = sink.options if sink is not None else None
    path = parts.sections["station"]
    given = section.client_id or (options.client_id if section.broker is not None else None)
    client_id = given or f"lineside.{path.replace('/', '.')}.neighbours"
    return loaded.NeighboursConfig(
        stations=section.stations,
        options=options.model_copy(update={"client_id": client_id}),
        root=options.root,
        within_s=section.within / 1000,
        session_s=section.session / 1000,
        asks_for_missing=section.ask,
        place=parts.source.place(("neighbours",), key=True),
    )


def told(config: loaded.StationConfig) -> Iterator[str]:
    """Yield which stations are followed, and what becomes of what cannot be known, in words."""
    found = config.neighbours
    if found is None:
        return
    where = f"{found.options.host}:{found.options.port}"
    back = duration_text(round(found.within_s * 1000))
    for path in found.stations:
        yield f"{path}: by its events from {where}; a unit takes {back} at most"
