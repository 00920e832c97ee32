"""What no single key shows: whether the parts of one station file fit each other.

Each check is a function of its own in `CHECKS`; it notes problems and goes on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from agent.config import strategies
from agent.config.components import check_components
from agent.config.crewing import check_people
from agent.config.interlocking import check_lookup
from agent.config.limiting import check_limits
from agent.config.lots import check_lots
from agent.config.measuring import check_oee
from agent.config.model import Track
from agent.config.moding import check_mode
from agent.config.neighbourhood import check_neighbours
from agent.config.ordering import check_order
from agent.config.packing import check_packing
from agent.config.parts import Device, Parts
from agent.config.problems import Path, did_you_mean, shown
from agent.config.products import check_products
from agent.config.roles import Role, handshakes, holds, roles_of
from agent.config.showing import check_showing
from agent.config.stating import check_state
from agent.config.watches import check_watches
from agent.core.station import DEFAULT_ANSWERS, By, Outcome
from drivers.options import Tag


def check_parts(parts: Parts) -> None:
    """Note everything that does not fit; what was refused before is not judged again."""
    track = parts.sections.get("track")
    if isinstance(track, Track):
        for check in CHECKS:
            check(parts, track)
        check_neighbours(parts)
    _check_devices(parts)
    _check_addresses(parts)
    _check_sinks(parts)
    check_showing(parts)
    check_people(parts)


# ------------------------------------------------------------------ tags


def _check_roles(parts: Parts, track: Track) -> None:
    """Every tag that is used is declared, and can do what is asked of it."""
    for role in roles_of(track):
        if role.tag not in parts.tags:
            hint = did_you_mean(role.tag, parts.tags) or "declare it under `tags`"
            parts.refuse(role.path, f"no tag {shown(role.tag)}", hint)
            continue
        tag = parts.tags[role.tag]
        if tag is None:
            continue
        at: Path = ("tags", role.tag)
        if role.written and not tag.section.write:
            parts.refuse(
                at, f"is written as {role.name} but not declared for it", "add write: true"
            )
        if not role.written and role.own and tag.section.write:
            message = f"is the {role.name}, which the PLC writes, but is declared write: true"
            parts.refuse((*at, "write"), message, "leave write out")
        if role.wraps and tag.section.modulus is None:
            message = f"is the {role.name} and must say where it wraps (D-30)"
            parts.refuse(at, message, "add modulus: 65536, 2^32 or whatever the PLC program does")
        _check_modulus(parts, (*at, "modulus"), tag.section.modulus)
        kind = holds(tag) if tag.address is not None else None
        if kind is not None and kind not in role.holds:
            wanted = " or ".join(sorted(role.holds))
            parts.refuse((*at, "type"), f"holds a {kind}; as {role.name} it must hold a {wanted}")


def _check_modulus(parts: Parts, at: Path, modulus: int | None) -> None:
    """Doubt 65535 and its like: the highest value is not how many there are (D-30)."""
    following = (modulus or 0) + 1
    if modulus is not None and modulus > 1 and following & modulus == 0:
        message = f"{modulus} is the highest value of {modulus.bit_length()} bits"
        parts.warn(at, message, f"if it counts 0 to {modulus}, write {following}")


def _check_one_device(parts: Parts, track: Track) -> None:
    """A handshake is one device's: result before ack has no meaning across two."""
    for name, handshake in handshakes(track):
        home = _device_of(parts, handshake.trigger)
        for role in roles_of(track):
            in_it = role.path[:2] == ("track", name) and role.name not in {
                "reason",
                "text",
                "ready",
            }
            device = _device_of(parts, role.tag)
            if in_it and home is not None and device is not None and device != home:
                message = f"'{role.tag}' is on {device}, the trigger on {home}"
                parts.refuse(role.path, message, "all tags of a handshake are on one device")


def _device_of(parts: Parts, name: str) -> str | None:
    tag = parts.tags.get(name)
    return tag.section.device if tag is not None else None


def _check_outputs(parts: Parts, track: Track) -> None:
    """Every output has one writer: one role, one tag, one address."""
    writers: dict[str, Role] = {}
    for role in (role for role in roles_of(track) if role.written):
        first = writers.setdefault(role.tag, role)
        if first is not role and first.name != role.name:
            message = f"'{role.tag}' is written as {first.name} already"
            parts.refuse(role.path, message, "give each output a tag of its own")
        elif first is not role and role.name in {"result", "result_request", "ack"}:
            message = f"'{role.tag}' is the {role.name} of `{first.path[1]}` already"
            parts.refuse(role.path, message, "give each handshake outputs of its own")
    places: dict[tuple[str, object], str] = {}
    for name, tag in parts.tags.items():
        if tag is None or tag.address is None or not tag.section.write:
            continue
        owner = places.setdefault((tag.section.device, _address_key(tag.address)), name)
        if owner != name:
            parts.refuse(("tags", name), f"writes where '{owner}' writes", "one tag, one writer")


def _address_key(address: Any) -> str:  # noqa: ANN401 - the driver's own model
    return repr(address)


def _check_unused(parts: Parts, track: Track) -> None:
    """What is declared and never used is most likely a slip."""
    used = {role.tag for role in roles_of(track)}
    for name, tag in parts.tags.items():
        if name not in used and tag is not None:
            what = "written" if tag.section.write else "read"
            parts.warn(
                ("tags", name), f"is never {what}", "use it under `track`, or remove it", key=True
            )
    for role in roles_of(track):
        declared = parts.tags.get(role.tag)
        if declared is not None and declared.section.measure and role.name != "values":
            parts.warn(("tags", role.tag, "measure"), "is kept for recorded `values` only")


# ------------------------------------------------------------------ track


def _check_ready(parts: Parts, track: Track) -> None:
    """There is one ready, wherever it is written."""
    named: dict[str, tuple[str, Path]] = {}
    for role in roles_of(track):
        if role.name in {"ready", "reason", "text"}:
            first, _ = named.setdefault(role.name, (role.tag, role.path))
            if first != role.tag:
                message = f"{role.name} is '{first}' already"
                parts.refuse(role.path, message, "a station has one ready")
    devices = {_device_of(parts, tag) for tag, _ in named.values()} - {None}
    if len(devices) > 1:
        _, path = named.get("text") or named["reason"]
        parts.refuse(path, "ready, reason and text are on one device")
    for word in ("reason", "text"):
        if word in named and "ready" not in named:
            parts.refuse(named[word][1], f"`{word}` needs `ready`")


def _check_answers(parts: Parts, track: Track) -> None:
    """The PLC can tell every answer from every other."""
    answers = {**DEFAULT_ANSWERS, **track.answers}
    seen: dict[int, Outcome] = {}
    for outcome, number in answers.items():
        first = seen.setdefault(number, outcome)
        if first is not outcome:
            changed = outcome if outcome in track.answers else first
            message = f"{first} and {outcome} would both be {number}"
            parts.refuse(("track", "answers", changed.value), message, "give each its own number")


def _check_numbers(parts: Parts, track: Track) -> None:
    """Only a request that has a number can be named by it."""
    for name, handshake in handshakes(track):
        if handshake.result_request is not None and handshake.request is None:
            path: Path = ("track", name, "result_request")
            parts.refuse(path, "`result_request` needs `request`", "remove it", key=True)


def _check_reasons(parts: Parts, track: Track) -> None:
    """The level fits why it was chosen (D-12, D-14)."""
    if track.by is By.LOT and track.because in {"risk", "regulated"}:
        message = f"by lot although {track.because}: a recall takes in the whole lot"
        hint = "check that the law or the risk allows lots (D-12, D-14)"
        parts.warn(("track", "because"), message, hint)
    if track.by in {By.SERIAL, By.BOTH} and track.because == "volume":
        message = (
            f"by {track.by} because of volume: serials that nobody needs are the first mistake"
        )
        parts.warn(("track", "because"), message, "lots may do (D-14)")
    for name, handshake in handshakes(track):
        if handshake.request is None and name in strategies.shape(track).handshakes:
            message = "without `request` a restart may record a unit twice (repeat_possible)"
            hint = "let the PLC count its requests (D-20)"
            parts.warn(("track", name), message, hint, key=True)


# ------------------------------------------------------------------ devices and people


def _check_devices(parts: Parts) -> None:
    """One endpoint is one device; a reader is used by nobody else."""
    owners: dict[str, list[str]] = defaultdict(list)
    for name, device in parts.devices.items():
        if device is not None and device.options is not None:
            owners[device.spec.endpoint(device.options)].append(name)
    for endpoint, names in owners.items():
        for name in names[1:]:
            message = f"{endpoint} is the device '{names[0]}' already"
            parts.refuse(("devices", name), message, "one device an endpoint", key=True)
    used = {tag.section.device for tag in parts.tags.values() if tag is not None}
    broken = any(tag is None for tag in parts.tags.values())
    for name, device in parts.devices.items():
        if device is None or device.spec.tag_options is None:
            continue
        if name not in used and not broken:
            parts.warn(("devices", name), "no tag is on this device", "remove it", key=True)


def _check_addresses(parts: Parts) -> None:
    """What the driver can say of its tags before the device is reached."""
    for name, device in parts.devices.items():
        if device is None or device.options is None or device.spec.tag_options is None:
            continue
        tags = [
            Tag(name=tag_name, address=tag.address, write=tag.section.write)
            for tag_name, tag in parts.tags.items()
            if tag is not None and tag.address is not None and tag.section.device == name
        ]
        for fault in device.spec.faults(device.options, tags):
            parts.refuse(("tags", fault.tag), fault.cause, fault.hint)


def _check_sinks(parts: Parts) -> None:
    """Two sinks never write the same file, nor the same topics at one broker."""
    owners: dict[tuple[str, ...], str] = {}
    for name, sink in parts.sinks.items():
        if sink is None:
            continue
        if hasattr(sink.options, "descriptor"):
            continue  # `check_showing` looks at what tells these apart
        words = (getattr(sink.options, word, "") for word in ("path", "url", "root"))
        owner = owners.setdefault((sink.sink, *map(str, words)), name)
        if owner != name:
            message = f"would send to the same place as '{owner}'"
            parts.refuse(("publish", name), message, "give it another path or root", key=True)
        for key, why in sink.options.doubts:
            parts.warn(("publish", name, key), why)


def readers(parts: Parts) -> Mapping[str, Device]:
    """Return the devices that read codes."""
    return {
        name: device
        for name, device in parts.devices.items()
        if device is not None and device.spec.tag_options is None
    }


CHECKS: tuple[Callable[[Parts, Track], None], ...] = (
    _check_roles,
    _check_one_device,
    _check_outputs,
    _check_unused,
    strategies.check_level,
    strategies.check_handshakes,
    strategies.check_code,
    strategies.check_carriers,
    strategies.check_cavities,
    strategies.check_queue,
    strategies.check_counting,
    check_lots,
    strategies.check_answer_waits,
    strategies.check_late,
    strategies.check_ignored,
    check_products,
    _check_ready,
    _check_answers,
    check_components,
    check_packing,
    check_watches,
    check_mode,
    check_oee,
    check_limits,
    check_order,
    check_lookup,
    check_state,
    _check_numbers,
    _check_reasons,
)
"""Every check of `track`, in no particular order: problems are sorted by line."""
