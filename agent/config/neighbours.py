"""What two stations of one process may not both claim (G02). Sharing a PLC is right.

Only files that are right by themselves are compared: one that is refused claims nothing.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agent.config.loaded import DeviceConfig, StationConfig
from agent.config.problems import Place, Problem


@dataclass(frozen=True, slots=True)
class _Claim:
    """What one station holds for itself."""

    sort: str
    """Two claims of one sort and one thing are a clash."""
    thing: object
    says: str
    """The thing as a sentence names it."""
    config: StationConfig
    path: str
    place: Place
    content: object = None
    """For a thing that may be shared: what must be equal. None for one that may not."""


def clashes(stations: Iterable[StationConfig]) -> dict[str, list[Problem]]:
    """Return, by file, what a station claims that another one claims as well."""
    claims: dict[tuple[str, object], list[_Claim]] = defaultdict(list)
    for config in stations:
        for claim in _claims(config):
            claims[claim.sort, claim.thing].append(claim)
    problems: dict[str, list[Problem]] = defaultdict(list)
    for claimants in claims.values():
        for claim in claimants:
            others = [other for other in claimants if other.config is not claim.config]
            against = [other for other in others if _clash(claim, other)]
            if against:
                problems[claim.config.file].append(_problem(claim, against[0]))
    return dict(problems)


def _clash(one: _Claim, other: _Claim) -> bool:
    return one.content is None or one.content != other.content


def _problem(claim: _Claim, other: _Claim) -> Problem:
    where = f"{other.config.file}:{other.place.line}"
    if claim.content is None:
        message, hint = f"{claim.says} is claimed by {where} too", "one of the two must let go"
    else:
        message = f"{claim.says} has other options than in {where}"
        hint = "stations that share a device share its connection: give both the same options"
    return Problem(
        file=claim.config.file,
        line=claim.place.line,
        column=claim.place.column,
        path=claim.path,
        message=message,
        hint=hint,
    )


def _claims(config: StationConfig) -> Iterator[_Claim]:
    path = config.station.path
    yield _Claim(
        "station", path, f"the station {path} (and its topics)", config, "station", config.place
    )
    if config.journal.path is not None:
        where = os.path.realpath(config.journal.path)
        yield _Claim(
            "journal", where, f"the journal {where}", config, "journal.path", config.journal.place
        )
    followed = config.neighbours
    if followed is not None:
        thing = (followed.options.url, followed.options.client_id)
        says = f"the client id {followed.options.client_id}"
        yield _Claim("client", thing, says, config, "neighbours.client_id", followed.place)
    for device in config.devices.values():
        yield from _device_claims(config, device)
    for sink in config.sinks.values():
        file = getattr(sink.options, "path", None)
        if sink.sink == "file" and file is not None and file.is_absolute():
            at = f"publish.{sink.name}.path"
            yield _Claim("file", os.path.realpath(file), f"the file {file}", config, at, sink.place)
        client = getattr(sink.options, "client_id", None)
        if client is not None:
            thing = (sink.options.url, client)
            at = f"publish.{sink.name}.client_id"
            yield _Claim("client", thing, f"the client id {client}", config, at, sink.place)
        if hasattr(sink.options, "descriptor"):
            group, node = sink.options.descriptor(path)
            says = f"the Sparkplug edge node {group}/{node}"
            at = f"publish.{sink.name}"
            # Ids that differ by case only are one to many hosts (D-130).
            yield _Claim("node", (group + "/" + node).casefold(), says, config, at, sink.place)


def _device_claims(config: StationConfig, device: DeviceConfig) -> Iterator[_Claim]:
    at = f"devices.{device.name}"
    endpoint = device.endpoint
    content = repr(device.options) if device.shareable else None
    yield _Claim("device", endpoint, endpoint, config, at, device.place, content)
    for tag in device.tags:
        if tag.write:
            thing = (endpoint, repr(tag.address))
            says = f"the output '{tag.name}' at {endpoint}"
            yield _Claim("output", thing, says, config, f"tags.{tag.name}", tag.place)
