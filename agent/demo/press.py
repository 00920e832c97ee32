"""The press: a process that is an OPC UA server outside, and the PLC program with it inside.

    python -m agent.demo.press --port 4840 --memory FILE

Commands (stdin): `{"do": "stroke", "part": …, "force_kn": …, "ok": …}` is a person who has put a
part in and presses the button; `{"do": "off", "at": STAGE}` takes the power away, at once or when
the function block reaches that stage. Facts (stdout): `up`, `ready`, `raised`, `answered`,
`alarmed`, `free`, `off`.

The program runs a scan each `--scan-ms`: it reads what the agent wrote, runs the function block of
`agent.demo.plc`, keeps its memory, and shows its outputs. It starts no stroke while the agent says
that it cannot record.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC
from pathlib import Path
from typing import Any, NoReturn, Protocol

from asyncua import Server, ua

from agent.demo import plc
from agent.demo.child import Command, Retentive, now_ms, obey, off, say

NAMESPACE = "urn:lineside:demo"

PROGRAM: Mapping[str, tuple[Any, ua.VariantType]] = {
    "Trigger": (False, ua.VariantType.Boolean),
    "Request": (0, ua.VariantType.UInt16),
    "Count": (0, ua.VariantType.UInt32),
    "Force": (0.0, ua.VariantType.Float),
    "Ok": (False, ua.VariantType.Boolean),
}
"""What the program writes and the agent reads."""

AGENT: Mapping[str, tuple[Any, ua.VariantType]] = {
    "Result": (0, ua.VariantType.Int16),
    "Ack": (False, ua.VariantType.Boolean),
    "Ready": (False, ua.VariantType.Boolean),
    "Reason": (0, ua.VariantType.Int16),
    "Text": ("", ua.VariantType.String),
}
"""What the agent writes; cleared at each start (law 7 of the function block)."""


class Nodes:
    """The variables of the PLC, by name."""

    def __init__(self, server: Server, index: int) -> None:
        self._space = server.iserver.aspace
        self._ids = {
            name: ua.NodeId(ua.String(f"Press.{name}"), ua.Int16(index))
            for name in (*PROGRAM, *AGENT)
        }
        self._shown: dict[str, object] = {name: value for name, (value, _) in PROGRAM.items()}

    async def add(self, server: Server) -> None:
        """Make them; only the agent's may be written from outside."""
        for name, (value, kind) in (*PROGRAM.items(), *AGENT.items()):
            node_id = self._ids[name]
            shown = ua.QualifiedName(f"Press.{name}", node_id.NamespaceIndex)
            node = await server.nodes.objects.add_variable(node_id, shown, value, kind)
            await node.set_writable(name in AGENT)

    def read(self, name: str) -> Any:  # noqa: ANN401 - what the agent wrote, of any type
        """Return what a variable holds."""
        found = self._space.read_attribute_value(self._ids[name], ua.AttributeIds.Value)
        return None if found.Value is None else found.Value.Value

    async def show(self, name: str, value: object) -> None:
        """Have a variable of the program hold this; subscribers are told when it changes."""
        if self._shown[name] == value:
            return
        self._shown[name] = value
        content = ua.DataValue(
            Value=ua.Variant(value, PROGRAM[name][1]), SourceTimestamp=ua.DateTime.now(UTC)
        )
        await self._space.write_attribute_value(self._ids[name], ua.AttributeIds.Value, content)


class Variables(Protocol):
    """What the program and the agent tell each other: `Nodes`."""

    def read(self, name: str) -> Any:  # noqa: ANN401 - what the agent wrote, of any type
        """Return what a variable holds."""
        ...

    async def show(self, name: str, value: object) -> None:
        """Have a variable of the program hold this."""
        ...


class Press:
    """The PLC program: the function block with the machine and the person before it."""

    def __init__(
        self,
        nodes: Variables,
        retentive: Retentive,
        settings: plc.Settings,
        off: Callable[[], NoReturn] = off,
    ) -> None:
        self._nodes = nodes
        self._off = off
        self._retentive = retentive
        self._settings = settings
        kept = retentive.read()
        self.kept = kept is not None
        """Whether the program woke up with its memory."""
        self._memory = plc.restarted(_remembered(kept) if kept else None, now_ms())
        self._stroke: plc.Work | None = None
        self._ready: tuple[bool, int, str] | None = None
        self._off_at: str | None = None

    @property
    def stage(self) -> plc.Stage:
        """Where the function block stands."""
        return self._memory.stage

    def take(self, command: Command) -> None:
        """Obey one command."""
        match command["do"]:
            case "stroke":
                self._stroke = plc.Work(
                    part=command["part"], force_kn=command["force_kn"], ok=command["ok"]
                )
            case "off":
                self._off_at = command.get("at", "")

    async def scan(self) -> None:
        """Run one PLC scan."""
        ready = self._look_at_ready()
        offered = self._stroke if ready and plc.takes(self._memory) else None
        image = plc.Image(
            ack=bool(self._nodes.read("Ack")), result=int(self._nodes.read("Result")), work=offered
        )
        was_free = plc.takes(self._memory)
        done = plc.step(self._memory, image, now_ms(), self._settings)
        if offered is not None:
            self._stroke = None
        self._memory = done.memory
        self._retentive.keep(asdict(self._memory))
        for fact in done.facts:
            say(type(fact).__name__.lower(), **asdict(fact))
        if plc.takes(self._memory) and not was_free:
            say("free")
        if self._off_at in {"", self._memory.stage}:  # at once, whatever stage it came to meanwhile
            say("off", at=self._memory.stage)
            self._off()
        await self.show()

    async def show(self) -> None:
        """Put the outputs where the agent reads them: the trigger last."""
        memory = self._memory
        await self._nodes.show("Request", memory.request)
        await self._nodes.show("Count", memory.count)
        if memory.work is not None:
            await self._nodes.show("Force", memory.work.force_kn)
            await self._nodes.show("Ok", memory.work.ok)
        await self._nodes.show("Trigger", memory.trigger)

    def _look_at_ready(self) -> bool:
        words = (self._nodes.read("Ready"), self._nodes.read("Reason"), self._nodes.read("Text"))
        if words != self._ready:
            self._ready = words
            say("ready", ready=words[0], reason=words[1], text=words[2])
        return bool(words[0])


def _remembered(kept: Mapping[str, Any]) -> plc.Memory:
    work = plc.Work(**kept["work"]) if kept["work"] else None
    return plc.Memory(
        **{
            **kept,
            "work": work,
            "stage": plc.Stage(kept["stage"]),
            "alarm": plc.Alarm(kept["alarm"]),
        }
    )


async def run(options: argparse.Namespace) -> None:
    """Serve and run the program until the power goes."""
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{options.port}")
    server.set_server_name("Lineside demo press")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    nodes = Nodes(server, await server.register_namespace(NAMESPACE))
    await nodes.add(server)
    settings = plc.Settings(settle_ms=options.settle_ms, repeat_ms=options.repeat_ms)
    press = Press(nodes, Retentive(options.memory), settings)
    await press.show()  # before anybody can look: a kept trigger is up from the start
    await server.start()
    say("up", kept=press.kept, stage=press.stage)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(obey(press.take))
        while True:
            begun_ms = now_ms()
            await press.scan()
            await asyncio.sleep(max(0, begun_ms + options.scan_ms - now_ms()) / 1000)


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="agent.demo.press")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--memory", type=Path, required=True)
    parser.add_argument("--scan-ms", type=int, default=10)
    parser.add_argument("--settle-ms", type=int, default=20)
    parser.add_argument("--repeat-ms", type=int, default=200)
    logging.disable(logging.CRITICAL)  # its server's; what matters is said in facts
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
