"""What a sink that shows live values must agree with: the tags it names, and the names it makes.

Hosts may take names that differ by letter case only for one, so that Sparkplug asks for ids and
metric names that do not (D-130).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from agent.config.parts import Parts
from agent.config.problems import did_you_mean, shown


def check_showing(parts: Parts) -> None:
    """Note unknown tags, names that differ by case only, and two sinks that are one node."""
    owners: dict[str, str] = {}
    for name, options in _showing(parts):
        for place, tag in enumerate(options.tags or ()):
            if tag not in parts.tags:
                at = ("publish", name, "tags", place)
                parts.refuse(at, f"no tag {shown(tag)}", did_you_mean(tag, parts.tags))
        _check_case(parts, name, "devices", parts.devices)
        _check_case(parts, name, "tags", parts.tags)
        station = parts.sections.get("station")
        if station is None:
            continue
        node = "/".join(options.descriptor(station))
        owner = owners.setdefault(node.casefold(), name)
        if owner != name:
            message = f"would be the edge node {node}, as '{owner}' is"
            parts.refuse(("publish", name), message, "give it another `group` or `node`", key=True)


def _showing(parts: Parts) -> Iterator[tuple[str, Any]]:
    """Yield the sinks that show values, and their options."""
    for name, sink in parts.sinks.items():
        if sink is not None and hasattr(sink.options, "descriptor"):
            yield name, sink.options


def _check_case(parts: Parts, sink: str, section: str, names: Iterable[str]) -> None:
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(name.casefold(), name)
        if other != name:
            message = f"'{name}' and '{other}' differ by letter case only"
            hint = f"rename one: sink '{sink}' shows both to Sparkplug hosts"
            parts.refuse((section, name), message, hint, key=True)
