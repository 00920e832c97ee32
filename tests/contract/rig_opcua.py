"""The OPC UA rig: asyncua's server on loopback, with the variables of a press."""

import asyncio
from types import TracebackType
from typing import Self

from agent.demo.process import free_port
from drivers.base import Clock, Driver, Scalar, TagGroup, WriteGroup
from drivers.opcua import SPEC, OpcUaOptions, OpcUaTag
from drivers.options import Tag
from tests.contract.rig import RealClock
from tests.opcua_plc import PRESS, PRESS_VARIABLES, Plc

WRITTEN = ("Result", "Ack")
FAST = ("Trigger", "Request")


def press_tags() -> list[Tag]:
    """Return a tag for each variable of the press, named as it in lower case."""
    return [
        Tag(
            name=name.lower(),
            address=OpcUaTag(node=f"nsu={PRESS};s={name}"),
            write=name in WRITTEN,
            fast=name in FAST,
        )
        for name in PRESS_VARIABLES
    ]


def driver_for(
    url: str, tags: list[Tag], *, clock: Clock | None = None, **options: object
) -> Driver:
    """Return a driver with short intervals and patience with a busy machine, not yet run."""
    short = {
        "publishing_interval": "20ms",
        "sampling_interval": "10ms",
        "timeout": "10s",
        **options,
    }
    checked = OpcUaOptions.model_validate({"url": url, **short})
    return SPEC.build("plc", checked, tags, clock or RealClock())


class OpcUaRig:
    """One server, one driver; every disturbance is the server's own doing."""

    device = "plc"
    tags = tuple(name.lower() for name in PRESS_VARIABLES)
    missing = "missing"
    group = TagGroup(name="part", guard=("request",), tags=("count", "force", "serial"))
    result = WriteGroup(device="plc", values=(("result", 1),))
    ack = WriteGroup(device="plc", values=(("ack", True),))
    read_only = "count"

    def __init__(self) -> None:
        self._plc = Plc()
        self._tears = 0
        nowhere = f"opc.tcp://127.0.0.1:{free_port()}"
        gone = Tag(name="missing", address=OpcUaTag(node=f"nsu={PRESS};s=Missing"))
        self.driver = driver_for(self._plc.url, [*press_tags(), gone])
        self.nowhere = driver_for(nowhere, press_tags())
        self.nowhere_endpoint = nowhere

    async def __aenter__(self) -> Self:
        """Start the server."""
        await self._plc.__aenter__()
        self._plc.after_read = self._tear
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Stop the server."""
        await self._plc.__aexit__(kind, error, at)

    @property
    def connections_seen(self) -> int:
        """How many clients have connected since the server came up."""
        return self._plc.connections_seen

    async def cut(self) -> None:
        """Cut the connection while the poll waits for an answer."""
        asked = asyncio.Event()

        def cut(names: tuple[str, ...]) -> None:
            if "Request" in names:
                self._plc.cut()
                asked.set()

        self._plc.after_read = cut
        await asked.wait()

    async def released(self) -> None:
        """Return once no client is connected."""
        await self._plc.let_go()

    @property
    def writes_seen(self) -> list[tuple[str, Scalar]]:
        """Which tag was written with which value, in order."""
        return [(name.lower(), value) for name, value in self._plc.writes]

    def held(self, tag: str) -> Scalar:
        """Return what the server holds."""
        return self._plc.held(tag.capitalize())

    def tear(self, times: int) -> None:
        """Move the request on after each of the next reads of the group's data."""
        self._tears = times

    def _tear(self, names: tuple[str, ...]) -> None:
        if self._tears and "Serial" in names:
            self._tears -= 1
            request = self.held("request")
            assert isinstance(request, int)
            self._plc.set_now("Request", request + 1)

    def hold_fast(self, tag: str) -> None:
        """Answer writes to this tag with Good and forget them."""
        self._plc.deaf.add(tag.capitalize())
