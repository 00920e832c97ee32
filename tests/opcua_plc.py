"""A PLC on loopback that speaks OPC UA (asyncua's server), and that tests can disturb.

One namespace of its own, one variable for each name, text node ids. What a real server does by
itself (refuse, freeze, forget, stamp) this one does when told to.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import AttributeService, AttributeValue, NodeData
from asyncua.server.internal_server import InternalServer

from agent.demo.process import free_port
from drivers.base import Scalar

PRESS = "urn:acme:press"
OTHER = "urn:acme:other-press"

Variables = Mapping[str, tuple[Any, ua.VariantType]]
PRESS_VARIABLES: Variables = {
    "Trigger": (False, ua.VariantType.Boolean),
    "Request": (7, ua.VariantType.UInt16),
    "Count": (41, ua.VariantType.Int64),
    "Force": (12.5, ua.VariantType.Float),
    "Serial": ("SN-0001", ua.VariantType.String),
    "Result": (0, ua.VariantType.Int16),
    "Ack": (False, ua.VariantType.Boolean),
}


FOREIGN = {ua.VariantType.String: "FOREIGN", ua.VariantType.Int64: 999}
"""What the other press's variables hold."""


class _Attributes(AttributeService):
    """The server's reads and writes, with a place where a test steps in."""

    def __init__(self, plc: "Plc") -> None:
        super().__init__(plc.server.iserver.aspace)
        self._plc = plc

    def read(self, params: ua.ReadParameters) -> list[ua.DataValue]:
        found = super().read(params)
        self._plc.after_read(tuple(self._plc.name_of(one.NodeId) for one in params.NodesToRead))
        return found

    async def write(
        self,
        params: ua.WriteParameters,
        user: User = User(role=UserRole.Admin),  # noqa: B008 - the library's signature
    ) -> list[ua.StatusCode]:
        if not any(self._plc.name_of(one.NodeId) for one in params.NodesToWrite):
            return await super().write(params, user)  # the server's own clock and status
        results = []
        for one in params.NodesToWrite:
            name = self._plc.name_of(one.NodeId)
            value = one.Value.Value.Value
            self._plc.writes.append((name, value))
            self._plc.stamped |= one.Value.SourceTimestamp is not None
            status = self._plc.refusals.get(name, ua.StatusCodes.Good)
            if status == ua.StatusCodes.Good and name not in self._plc.deaf:
                status = await self._plc.set(name, value, kind=one.Value.Value.VariantType)
            results.append(ua.StatusCode(ua.UInt32(status)))
        return results


_STANDARD_NODES: dict[ua.NodeId, NodeData] = {}


class _QuickServer(InternalServer):
    """The library's server, which makes the standard's six thousand nodes once and copies them."""

    async def load_standard_address_space(self, shelf_file: Path | None = None) -> None:
        nodes = vars(self.aspace)["_nodes"]
        if not _STANDARD_NODES:
            await super().load_standard_address_space(shelf_file)
            _STANDARD_NODES.update({key: _copy(node) for key, node in nodes.items()})
        nodes.update({key: _copy(node) for key, node in _STANDARD_NODES.items()})


def _copy(node: NodeData) -> NodeData:
    """Return a node that can be changed without the other."""
    copied = NodeData(node.nodeid)
    copied.references = list(node.references)
    copied.attributes = {
        key: AttributeValue(one.value) for key, one in node.attributes.items() if one.value
    }
    return copied


class _Transports(list[Any]):
    """The server's own list of its connections, which counts them."""

    def __init__(self, plc: "Plc") -> None:
        super().__init__()
        self._plc = plc

    def append(self, transport: Any) -> None:  # noqa: ANN401 - asyncio's transport
        self._plc.connections_seen += 1
        super().append(transport)

    def remove(self, transport: Any) -> None:  # noqa: ANN401 - asyncio's transport
        super().remove(transport)
        self._plc.left.set()


class Plc:
    """The server and its variables; `async with` starts and stops it."""

    def __init__(
        self,
        variables: Variables = PRESS_VARIABLES,
        *,
        port: int | None = None,
        namespaces: tuple[str, ...] = (PRESS,),
        prepare: Callable[[Server], Any] | None = None,
    ) -> None:
        self.port = port or free_port()
        self.url = f"opc.tcp://127.0.0.1:{self.port}"
        self.variables = variables
        self.server = Server(_QuickServer())
        self.server.iserver.disabled_clock = True  # it would take a second to stop
        self.writes: list[tuple[str, Scalar]] = []
        self.stamped = False
        """Whether a write came with a source timestamp."""
        self.refusals: dict[str, int] = {}
        """Status with which writes to a variable are refused."""
        self.deaf: set[str] = set()
        """Variables whose writes are answered with Good and forgotten."""
        self.after_read: Callable[[tuple[str, ...]], None] = lambda _names: None
        """Called with the names of the variables that a client has read."""
        self.connections_seen = 0
        """How many clients have connected since the start."""
        self.left = asyncio.Event()
        """Set when a client has gone."""
        self._namespaces = namespaces
        self._prepare = prepare
        self._names: dict[ua.NodeId, str] = {}

    async def __aenter__(self) -> Self:
        """Start the server."""
        await self.server.init()
        self.server.set_endpoint(self.url)
        self.server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        if self._prepare is not None:
            await self._prepare(self.server)
        for uri in self._namespaces:
            index = await self.server.register_namespace(uri)
            if uri not in (PRESS, OTHER):
                continue
            for name, (value, kind) in self.variables.items():
                content = value if uri == PRESS else FOREIGN.get(kind, value)
                node = await self._make(index, name, content, kind)
                if uri == PRESS:
                    self._names[node] = name
        self.server.iserver.attribute_service = _Attributes(self)
        await self.server.start()
        self.server.iserver.asyncio_transports = _Transports(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Stop the server; it would keep the sessions of those who never said goodbye."""
        iserver = self.server.iserver
        for session in list(vars(iserver)["_external_sessions"].values()):
            await session.close_session(delete_subs=True)
        for transport in list(iserver.asyncio_transports):
            transport.abort()
        await self.let_go()
        await self.server.stop()

    async def _make(
        self,
        index: int,
        name: str,
        value: Any,  # noqa: ANN401 - what a variant can hold
        kind: ua.VariantType,
    ) -> ua.NodeId:
        node = await self.server.nodes.objects.add_variable(
            ua.NodeId(ua.String(name), ua.Int16(index)), ua.QualifiedName(name, index), value, kind
        )
        await node.set_writable(name in ("Result", "Ack"))
        return node.nodeid

    async def add(
        self,
        name: str,
        value: Any,  # noqa: ANN401 - what a variant can hold
        kind: ua.VariantType,
    ) -> None:
        """Have the PLC program get one more variable, as after a download."""
        index = await self.server.get_namespace_index(PRESS)
        self._names[await self._make(index, name, value, kind)] = name

    async def tick(self) -> None:
        """Have the server's own clock go on by one step; it stands still otherwise."""
        clock = ua.NodeId(ua.Int32(ua.ObjectIds.Server_ServerStatus_CurrentTime))
        await self.server.get_node(clock).write_value(datetime.now(UTC), ua.VariantType.DateTime)

    def name_of(self, node: ua.NodeId) -> str:
        """Return a variable's name; empty for a node that is none of ours."""
        return self._names.get(node, "")

    def node_of(self, name: str) -> ua.NodeId:
        """Return a variable's node."""
        return next(node for node, one in self._names.items() if one == name)

    async def set(
        self,
        name: str,
        value: Any,  # noqa: ANN401 - what a variant can hold
        *,
        kind: ua.VariantType | None = None,
        status: int = 0,
        source: datetime | None = None,
    ) -> int:
        """Have the PLC program set a variable; subscribers are told. Return the status word."""
        result = await self.server.iserver.aspace.write_attribute_value(
            self.node_of(name),
            ua.AttributeIds.Value,
            self._content(name, value, kind=kind, status=status, source=source),
        )
        return int(result.value)

    async def retype(self, name: str, value: Scalar, kind: ua.VariantType) -> None:
        """Have the variable be of another type, as after a download."""
        node = self.server.iserver.aspace[self.node_of(name)]
        node.attributes[ua.AttributeIds.Value].value = None
        await self.set(name, value, kind=kind)

    def set_now(self, name: str, value: Scalar) -> None:
        """Have the PLC program set a variable between two reads, before anybody else runs."""
        node = self.server.iserver.aspace[self.node_of(name)]
        node.attributes[ua.AttributeIds.Value].value = self._content(name, value)

    def _content(
        self,
        name: str,
        value: Any,  # noqa: ANN401 - what a variant can hold
        *,
        kind: ua.VariantType | None = None,
        status: int = 0,
        source: datetime | None = None,
    ) -> ua.DataValue:
        return ua.DataValue(
            Value=ua.Variant(value, kind or self.variables[name][1]),
            StatusCode=ua.StatusCode(ua.UInt32(status)),
            SourceTimestamp=ua.DateTime.fromtimestamp(
                (source or datetime.now(UTC)).timestamp(), UTC
            ),
        )

    def held(self, name: str) -> Scalar:
        """Return what a variable holds."""
        found = self.server.iserver.aspace.read_attribute_value(
            self.node_of(name), ua.AttributeIds.Value
        )
        assert found.Value is not None
        value: Scalar = found.Value.Value
        return value

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        return len(self.server.iserver.asyncio_transports)

    def cut(self) -> None:
        """Cut every connection without a word."""
        assert self.server.bserver is not None
        for client in list(self.server.bserver.clients):
            assert client.transport is not None
            client.transport.abort()

    def freeze(self) -> None:
        """Keep every connection open and answer nothing any more."""
        assert self.server.bserver is not None
        for client in list(self.server.bserver.clients):
            assert client.transport is not None
            client.transport.pause_reading()

    async def let_go(self) -> None:
        """Return when no client is connected any more."""
        async with asyncio.timeout(60):
            while self.connections:
                self.left.clear()
                await self.left.wait()
