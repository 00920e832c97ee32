"""What a watched device must agree with, the plan it comes down to, and how it is told back."""

from __future__ import annotations

from collections.abc import Iterator

from agent.config.model import Track
from agent.config.parts import Parts
from agent.config.problems import Path, did_you_mean, shown
from agent.config.quantities import duration_text
from agent.config.watched import WatchSection
from agent.core import station as plan

TAGS = ("heartbeat", "agent_heartbeat", "boots", "memory_lost")
"""Keys of a watch that name a tag."""
CLOCK = "clock_within"
_NEEDS = {"within": "heartbeat", "every": "agent_heartbeat"}


def check_watches(parts: Parts, track: Track) -> None:
    """Note a watch of no device, a tag of another one, and what says nothing."""
    for name, watch in track.watch.items():
        at: Path = ("track", "watch", name)
        if name not in parts.devices:
            hint = did_you_mean(name, parts.devices)
            parts.refuse(at, f"no device {shown(name)}", hint, key=True)
            continue
        if not any(getattr(watch, key) for key in TAGS) and CLOCK not in watch.model_fields_set:
            parts.refuse(at, "watches nothing", f"give one of {', '.join(TAGS)}", key=True)
        for key in TAGS:
            tag = parts.tags.get(getattr(watch, key) or "")
            if tag is not None and tag.section.device != name:
                message = f"'{getattr(watch, key)}' is on {tag.section.device}, not on {name}"
                parts.refuse((*at, key), message, "a device is watched by its own tags")
        for key, needed in _NEEDS.items():
            if key in watch.model_fields_set and getattr(watch, needed) is None:
                parts.refuse((*at, key), f"`{key}` needs `{needed}`", "remove it", key=True)


def watches_of(parts: Parts, track: Track) -> tuple[plan.Watch, ...]:
    """Return how the devices are watched."""
    return tuple(_watch(parts, name, watch) for name, watch in track.watch.items())


def _watch(parts: Parts, device: str, watch: WatchSection) -> plan.Watch:
    ours = parts.tags.get(watch.agent_heartbeat or "")
    return plan.Watch(
        device=device,
        heartbeat=watch.heartbeat,
        within_ms=watch.within,
        agent_heartbeat=watch.agent_heartbeat,
        every_ms=watch.every,
        modulus=ours.section.modulus if ours is not None else None,
        boots=watch.boots,
        memory_lost=watch.memory_lost,
        clock_within_ms=watch.clock_within,
    )


def told(station: plan.Station) -> Iterator[str]:
    """Yield how the devices are watched, in plain words."""
    for watch in station.watches:
        if watch.heartbeat is not None:
            within = duration_text(watch.within_ms)
            yield (
                f"{watch.device} is believed while '{watch.heartbeat}' changes within {within}; "
                "else no cycle is taken and the station is not ready"
            )
        if watch.agent_heartbeat is not None:
            every = duration_text(watch.every_ms)
            yield f"{watch.device} sees '{watch.agent_heartbeat}' change every {every}"
        if watch.clock_within_ms != plan.CLOCK_WITHIN_MS:
            within = duration_text(watch.clock_within_ms)
            yield f"a clock of {watch.device} that is more than {within} from ours is a fault"
        if watch.boots is not None:
            yield f"when '{watch.boots}' changes, {watch.device} has started: all is read again"
        if watch.memory_lost is not None:
            yield (
                f"when '{watch.memory_lost}' changes, {watch.device} has lost its memory: what is "
                "open is aborted, every request is new"
            )
