"""Sinks whose topics lie below another's: who reads that one takes them for a station of its own.

With `root: lineside` all below `lineside/v1/` is read as stations. A sink of this process with
`root: lineside/v1/test` on the same broker is then the odd station `test/v1/…`, whose events are
another's: an audit cannot prove it, and a collector sets each of its messages aside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.config.loaded import SinkConfig, StationConfig
from agent.config.problems import Problem


@dataclass(frozen=True, slots=True)
class _Rooted:
    config: StationConfig
    sink: SinkConfig
    url: str
    root: str


def below_others(stations: Iterable[StationConfig]) -> dict[str, list[Problem]]:
    """Return, by file, a warning for each sink that publishes below another sink's topics."""
    rooted = list(_rooted(stations))
    found: dict[str, list[Problem]] = {}
    for one in rooted:
        above = next((other for other in rooted if _is_below(one, other)), None)
        if above is not None:
            found.setdefault(one.config.file, []).append(_problem(one, above))
    return found


def _rooted(stations: Iterable[StationConfig]) -> Iterator[_Rooted]:
    for config in stations:
        for sink in config.sinks.values():
            root = getattr(sink.options, "root", None)
            if root is not None:
                yield _Rooted(config, sink, sink.options.url, root)


def _is_below(one: _Rooted, other: _Rooted) -> bool:
    return one.url == other.url and f"{one.root}/".startswith(f"{other.root}/v1/")


def _problem(one: _Rooted, above: _Rooted) -> Problem:
    place = above.sink.place
    return Problem(
        file=one.config.file,
        line=one.sink.place.line,
        column=one.sink.place.column,
        path=f"publish.{one.sink.name}.root",
        message=(
            f"its topics lie below those of {above.config.file}:{place.line} "
            f"(root '{above.root}'): who reads these takes them for a station"
        ),
        value=f"'{one.root}'",
        hint=f"choose a root that does not begin with '{above.root}/v1'",
    )
