"""The parts of a station file, each judged alone: sections, devices, tags, sinks.

Each reader returns what is right and notes what is wrong; a name that was declared wrongly is kept
with None, so that a second message does not call it undeclared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar, cast

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from agent.config.loaded import DeviceSpec, Registries, Registry, SinkSpec
from agent.config.model import DeviceSection, SinkSection, StationFile, TagSection
from agent.config.problems import Path, Problem, did_you_mean, shown
from agent.config.source import Source
from agent.config.validation import literal_secrets, validated
from agent.core.events import KINDS

S = TypeVar("S", DeviceSpec, SinkSpec)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device as declared; `options` is None where they are wrong."""

    driver: str
    spec: DeviceSpec
    options: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A tag as declared; `address` is None where it is wrong."""

    section: TagSection
    address: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """A sink as declared."""

    sink: str
    options: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All parts of one file. A section that is wrong is missing from `sections`."""

    source: Source
    sections: Mapping[str, Any]
    devices: Mapping[str, Device | None]
    tags: Mapping[str, Tag | None]
    sinks: Mapping[str, Sink | None]
    broker: Any = None
    """The broker of `neighbours`, where it has one of its own that is right."""
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def refuse(self, path: Path, message: str, hint: str = "", *, key: bool = False) -> None:
        """Note what is wrong at a path."""
        self.problems.append(self.source.problem(path, message, hint, key=key))

    def warn(self, path: Path, message: str, hint: str = "", *, key: bool = False) -> None:
        """Note what is doubtful at a path."""
        self.warnings.append(self.source.problem(path, message, hint, key=key))


def read_parts(source: Source, registries: Registries) -> Parts:
    """Return the parts of a file, with what is wrong in each."""
    problems: list[Problem] = list(source.slips)
    sections = _sections(source, problems)
    devices = _devices(source, registries.drivers, problems)
    tags = _tags(source, devices, problems)
    sinks = _sinks(source, registries.sinks, problems)
    broker = _broker(source, registries.broker, problems)
    known = {problem.path for problem in problems}
    secrets = literal_secrets(source.data, (), source)
    problems.extend(secret for secret in secrets if secret.path not in known)
    return Parts(
        source=source,
        sections=sections,
        devices=devices,
        tags=tags,
        sinks=sinks,
        broker=broker,
        problems=problems,
    )


def _sections(source: Source, problems: list[Problem]) -> dict[str, Any]:
    """Return the sections that are right, each judged although another is wrong."""
    found: dict[str, Any] = {}
    shape = {name: value for name, value in source.data.items() if name not in _fields()}
    _, unknown = validated(StationFile, shape, (), source)
    problems.extend(problem for problem in unknown if problem.path.split(".")[0] in shape)
    for name, field_ in _fields().items():
        if name in source.data:
            value, wrong = validated(_annotation(field_), source.data[name], (name,), source)
            problems.extend(wrong)
            if value is not None:
                found[name] = value
        elif field_.is_required():
            problems.append(source.problem((name,), "is missing"))
        else:
            found[name] = field_.get_default(call_default_factory=True, validated_data={})
    return found


def _fields() -> Mapping[str, FieldInfo]:
    return StationFile.model_fields


def _annotation(field_: FieldInfo) -> object:
    """Return a field's type with its constraints, to be validated alone."""
    return Annotated[field_.annotation, field_] if field_.metadata else field_.annotation


def _named(source: Source, section: str) -> dict[str, dict[str, Any]]:
    """Return a section's entries that are mappings; the others are noted with the section."""
    entries = source.data.get(section)
    if not isinstance(entries, dict):
        return {}
    return {name: entry for name, entry in entries.items() if isinstance(entry, dict)}


def _chosen(
    source: Source, at: Path, word: str, registry: Registry[S], problems: list[Problem]
) -> tuple[str, S] | None:
    """Return the driver or sink that an entry chooses by its key `word`."""
    name = cast("dict[str, Any]", source.at(at)).get(word)
    if name is None:
        problems.append(source.problem((*at, word), "is missing", _all(registry)))
    elif name not in registry.names:
        message = f"no {word} {shown(name)}"
        hint = did_you_mean(name, registry.names) if isinstance(name, str) else _all(registry)
        problems.append(source.problem((*at, word), message, hint))
    else:
        return name, registry.spec(name)
    return None


def _all(registry: Registry[S]) -> str:
    return f"known: {', '.join(sorted(registry.names))}"


def _devices(
    source: Source, drivers: Registry[DeviceSpec], problems: list[Problem]
) -> dict[str, Device | None]:
    devices: dict[str, Device | None] = dict.fromkeys(_names(source, "devices"))
    for name, entry in _named(source, "devices").items():
        at: Path = ("devices", name)
        chosen = _chosen(source, at, "driver", drivers, problems)
        if chosen is None:
            continue
        driver, spec = chosen
        own = _rest(entry, DeviceSection)
        options, wrong = validated(spec.options, own, at, source, DeviceSection)
        problems.extend(wrong)
        devices[name] = Device(driver=driver, spec=spec, options=options)
    return devices


def _tags(
    source: Source, devices: Mapping[str, Device | None], problems: list[Problem]
) -> dict[str, Tag | None]:
    tags: dict[str, Tag | None] = dict.fromkeys(_names(source, "tags"))
    for name, entry in _named(source, "tags").items():
        at: Path = ("tags", name)
        common = {key: entry[key] for key in TagSection.model_fields if key in entry}
        section, wrong = validated(TagSection, common, at, source)
        problems.extend(wrong)
        if section is None:
            continue
        if section.device not in devices:
            hint = did_you_mean(section.device, devices)
            message = f"no device {shown(section.device)}"
            problems.append(source.problem((*at, "device"), message, hint))
            continue
        device = devices[section.device]
        if device is None:
            continue
        if device.spec.tag_options is None:
            message = f"'{section.device}' is a {device.driver}, which has no tags"
            problems.append(source.problem((*at, "device"), message, "its codes go by `scans`"))
            continue
        own = _rest(entry, TagSection)
        address, wrong = validated(device.spec.tag_options, own, at, source, TagSection)
        problems.extend(wrong)
        tags[name] = Tag(section=section, address=address)
    return tags


def _sinks(
    source: Source, sinks: Registry[SinkSpec], problems: list[Problem]
) -> dict[str, Sink | None]:
    found: dict[str, Sink | None] = dict.fromkeys(_names(source, "publish"))
    for name, entry in _named(source, "publish").items():
        at: Path = ("publish", name)
        chosen = _chosen(source, at, "sink", sinks, problems)
        if chosen is None:
            continue
        sink, spec = chosen
        own = _rest(entry, SinkSection)
        options, wrong = validated(spec.options, own, at, source, SinkSection)
        kinds = _unknown_kinds(entry, at, source)
        places = {problem.path for problem in kinds}
        problems.extend(kinds + [problem for problem in wrong if problem.path not in places])
        if options is not None:
            found[name] = Sink(sink=sink, options=options)
    return found


def _broker(source: Source, kind: type[BaseModel], problems: list[Problem]) -> object:
    """Return the broker of `neighbours`, None where it has none or a wrong one."""
    section = source.data.get("neighbours")
    entry = section.get("broker") if isinstance(section, dict) else None
    if not isinstance(entry, dict):
        return None
    options, wrong = validated(kind, entry, ("neighbours", "broker"), source)
    problems.extend(wrong)
    return options


def _unknown_kinds(entry: Mapping[str, Any], at: Path, source: Source) -> list[Problem]:
    """Return a problem, with a suggestion, for each kind of event that there is not."""
    listed = entry.get("kinds")
    return [
        source.problem((*at, "kinds", place), f"no event {shown(kind)}", did_you_mean(kind, KINDS))
        for place, kind in enumerate(listed if isinstance(listed, list) else ())
        if isinstance(kind, str) and kind not in KINDS
    ]


def _names(source: Source, section: str) -> list[str]:
    entries = source.data.get(section)
    return list(entries) if isinstance(entries, dict) else []


def _rest(entry: Mapping[str, Any], common: type[BaseModel]) -> dict[str, Any]:
    """Return what an entry says beside the common keys: the driver's or sink's own."""
    return {key: value for key, value in entry.items() if key not in common.model_fields}
