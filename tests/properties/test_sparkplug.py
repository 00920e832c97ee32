"""Whatever happens at a station and on its wire, a Sparkplug host is told by the rules, and all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.formats.sparkplug import DEVICE_REBIRTH
from drivers.base import Scalar
from tests.peers.sparkplug_bench import rebirth
from tests.sparkplug_rig import SparkplugRig

TAGS = {"plc": ("a", "b"), "feeder": ("c",)}
DEVICES = st.sampled_from(sorted(TAGS))


@dataclass(frozen=True)
class Show:
    """A tag gets a value that it never had; or none."""

    tag: str
    sort: str


@dataclass(frozen=True)
class Link:
    """A device comes or goes."""

    device: str
    up: bool


@dataclass(frozen=True)
class Wire:
    """What happens between node and broker."""

    what: str


STEPS = st.one_of(
    st.builds(Show, st.sampled_from("abc"), st.sampled_from(["int", "float", "text", "bad"])),
    st.builds(Show, st.sampled_from("abc"), st.just("int")),
    st.builds(Show, st.sampled_from("abc"), st.just("int")),
    st.builds(Link, DEVICES, st.booleans()),
    st.builds(
        Wire,
        st.sampled_from(["work", "work", "work", "answer", "cut", "cut", "wait", "ncmd", "dcmd"]),
    ),
)


class Day:
    """One day of a station, and what its tags held."""

    def __init__(self, most: int) -> None:
        self.rig = SparkplugRig(TAGS, most=most)
        self.shown: set[tuple[str, object]] = set()
        self._n = 0

    async def step(self, step: Show | Link | Wire) -> None:
        """Let it happen."""
        rig = self.rig
        if isinstance(step, Show):
            device = "feeder" if step.tag == "c" else "plc"
            if rig.feed.contact(device) is not None:
                self._show(device, step)
        elif isinstance(step, Link):
            rig.link(step.device, up=step.up)
        else:
            await self._happen(step.what)

    def _show(self, device: str, step: Show) -> None:
        self._n += 1
        value: dict[str, Scalar | None] = {
            "int": self._n,
            "float": self._n + 0.5,
            "text": f"t{self._n}",
            "bad": None,
        }
        self.rig.show(device, step.tag, value[step.sort])
        if step.sort != "bad":
            self.shown.add((step.tag, value[step.sort]))

    async def _happen(self, what: str) -> None:
        rig = self.rig
        if rig.session is None or rig.wire is None:
            rig.begin()
        elif what == "work":
            rig.session.work()
        elif what == "answer":
            rig.wire.answer()
        elif what == "cut":
            rig.end()
        elif what == "wait":
            await rig.clock.advance(3)
        elif what == "ncmd":
            rig.wire.hear(rig.topics.ncmd, rebirth())
        else:
            rig.wire.hear(rig.topics.dcmd[:-1] + "plc", rebirth(DEVICE_REBIRTH))

    async def come_to_rest(self) -> None:
        """Let everything be there again, and all that waits be said."""
        for device in TAGS:
            self.rig.link(device, up=True)
        for step in (Show("a", "int"), Show("b", "int"), Show("c", "int")):
            await self.step(step)
        if self.rig.session is None:
            self.rig.begin()
        for _ in range(10):
            await self.rig.clock.advance(11)
            self.rig.work()
        assert self.rig.feed.waiting == 0
        self.rig.end()
        assert self.rig.feed.waiting == 0  # the broker has read everything

    def told(self) -> set[tuple[str, object]]:
        """Return every value that surely reached the broker, as it is now or as history."""
        return {(one.name, one.value) for message in self.rig.received for one in message.said}


def run(steps: Sequence[Show | Link | Wire], most: int) -> Day:
    """Return the day when it is over."""

    async def live() -> Day:
        day = Day(most)
        for device in TAGS:
            day.rig.link(device, up=True)
        for tag in "abc":
            await day.step(Show(tag, "int"))
        day.rig.begin()
        for step in steps:
            await day.step(step)
        await day.come_to_rest()
        return day

    return asyncio.run(live())


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, min_size=20, max_size=60))
def test_no_rule_is_ever_broken_and_nothing_is_lost_unsaid(
    steps: list[Show | Link | Wire],
) -> None:
    """Every value reaches the host, in a birth, as data or as history, or is counted as dropped."""
    day = run(steps, most=1000)
    assert day.rig.rules.problems == []
    assert len(day.shown - day.told()) <= day.rig.feed.dropped


@given(st.lists(STEPS, max_size=60))
def test_a_small_buffer_breaks_no_rule_either(steps: list[Show | Link | Wire]) -> None:
    """What does not fit is dropped and counted; what is told is still by the rules."""
    day = run(steps, most=3)
    assert day.rig.rules.problems == []
    assert len(day.shown - day.told()) <= day.rig.feed.dropped
