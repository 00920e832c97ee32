"""One connection to one server: a bounded transport, a session of our own, and its end.

Theory: the library's `Client.connect` starts tasks of its own that reconnect, recreate and log.
Here its steps are called one by one (all of them public) and nothing runs beside us: the publish
loop, the renewal of the channel and the proof of life are jobs of `driver`, so that what fails
ends the attempt (PITFALLS U1 to U3). A session left behind keeps one of the PLC's few places, so
closing is awaited on every way out, and its time-out is short for the one way where it is not.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from asyncua import Client, ua
from asyncua.client.ua_client import UaClient, UaClientState, UASocketProtocol, UASocketState
from asyncua.client.ua_session import UaSession
from asyncua.common.utils import Buffer
from asyncua.crypto.security_policies import SecurityPolicy
from asyncua.ua.ua_binary import struct_from_binary

from drivers.base import LinkDownError
from drivers.opcua import OpcUaOptions, endpoint, wire
from drivers.opcua.errors import LIBRARY, translated
from drivers.opcua.references import REFERENCES, resolve_text
from drivers.opcua.security import protect
from drivers.opcua.slow import publish_response, read_response
from drivers.opcua.wire import Published, Reading, UnusualError

MAX_MESSAGE_BYTES = 16 * 2**20
"""More than this before a message ends is no answer to anything we ask (FAULTS U16)."""

_SESSION_TIMEOUT_MS = 30_000
_CLOSE_WITHIN_S = 1.0
_SILENT = logging.CRITICAL + 1


class _Protocol(UASocketProtocol):
    """The library's connection, with a bound on what it holds and a way to await its end."""

    def __init__(self, timeout: float, security_policy: SecurityPolicy) -> None:
        super().__init__(timeout, security_policy=security_policy)
        self.closed = asyncio.Event()
        self._unfinished_bytes = 0

    def data_received(self, data: bytes) -> None:
        self._unfinished_bytes += len(data)
        if self._unfinished_bytes > MAX_MESSAGE_BYTES:
            if self.transport is not None:
                self.transport.abort()
            return
        super().data_received(data)

    def _process_received_message(
        self, msg: ua.Message | ua.Acknowledge | ua.ErrorMessage | None
    ) -> None:
        if msg is not None:
            self._unfinished_bytes = 0
        super()._process_received_message(msg)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.closed.set()


class _Session(UaSession):
    """A session whose publish requests and fast reads are ours, decoded by `wire`."""

    def ensure_publish_loop(self) -> None:
        """Start nothing: the library's loop swallows errors and runs a task for each value."""

    async def ask(self, request: object, timeout_s: float | None = None) -> Buffer:
        """Return the answer's bytes; a time-out of 0 waits as long as the caller does."""
        return await self._send_request(request, timeout_s)


class _Transport(UaClient):
    """The library's transport with our protocol and session."""

    session: _Session

    def __init__(self, timeout: float) -> None:
        super().__init__(timeout)
        self.session = _Session(self)
        self.opened: list[_Protocol] = []

    def _make_protocol(self) -> UASocketProtocol:
        protocol = _Protocol(self._timeout, self.security_policy)
        protocol.on_connection_lost = self._on_transport_lost
        protocol.is_session_closing = self._is_session_closing
        self.opened.append(protocol)
        self.protocol = protocol
        return protocol

    async def connect_socket(self, host: str, port: int) -> None:
        """Connect; the library's way loses a cancellation that comes as the connection does."""
        state = UaClientState.DISCONNECTED
        self._set_state(UaClientState.CONNECTING)
        try:
            async with asyncio.timeout(self._timeout):
                loop = asyncio.get_running_loop()
                await loop.create_connection(self._make_protocol, host, port)
            state = UaClientState.SOCKET_OPEN
        finally:
            self._set_state(state)

    async def all_closed(self) -> None:
        """Return when no socket of ours is left open."""
        for protocol in self.opened:
            if protocol.state is not UASocketState.OPEN:
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_WITHIN_S):
                    await protocol.closed.wait()
            if protocol.transport is not None:  # a peer that takes nothing any more
                protocol.transport.abort()
                await protocol.closed.wait()


class Link:
    """A live session. Anything doubtful about it is raised as `LinkDownError`."""

    def __init__(self, client: Client, session: _Session, options: OpcUaOptions) -> None:
        self.client = client
        self.session = session
        self.endpoint = endpoint(options)
        self.timeout_s = options.timeout
        self._server_time = options.source_clock == "server"
        self._broken = asyncio.Event()
        self._error: LinkDownError | None = None

    def down(self, what: str) -> LinkDownError:
        """Return the error that names this endpoint; the link is not used after it."""
        return self._fail(LinkDownError(f"{self.endpoint}: {what}"))

    async def until_broken(self) -> None:
        """Raise what a read or a write found of the link; never return."""
        await self._broken.wait()
        if self._error is not None:
            raise self._error

    def _fail(self, error: LinkDownError) -> LinkDownError:
        """Have `until_broken` raise the first error found."""
        if self._error is None:
            self._error = error
            self._broken.set()
        return error

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Raise what the library raises inside as LinkDownError; the link is then broken."""
        try:
            with translated(self.endpoint):
                yield
        except LinkDownError as error:
            raise self._fail(error) from error.__cause__

    @property
    def timestamps(self) -> ua.TimestampsToReturn:
        """Which timestamps the driver needs."""
        both = ua.TimestampsToReturn.Both
        return both if self._server_time else ua.TimestampsToReturn.Source

    def read_request(self, nodes: Sequence[ua.NodeId]) -> ua.ReadRequest:
        """Return a request for the present values of `nodes`; it may be used again."""
        request = ua.ReadRequest()
        request.Parameters.MaxAge = 0
        request.Parameters.TimestampsToReturn = self.timestamps
        request.Parameters.NodesToRead = [
            ua.ReadValueId(NodeId=node, AttributeId=ua.AttributeIds.Value) for node in nodes
        ]
        return request

    async def values(self, request: ua.ReadRequest) -> list[Reading]:
        """Return the readings that a request of `read_request` asks for, in its order."""
        with self.asking():
            raw = bytes(await self.session.ask(request))
            try:
                found = wire.read_response(raw, server_time=self._server_time)
            except UnusualError:
                found = read_response(raw, server_time=self._server_time)
        if len(found) != len(request.Parameters.NodesToRead):
            raise self.down(f"an answer with {len(found)} values")
        return found

    async def attributes(self, wanted: Sequence[ua.ReadValueId]) -> list[ua.DataValue]:
        """Return attributes of nodes, decoded by the library."""
        with self.asking():
            found = await self.session.read(
                ua.ReadParameters(
                    MaxAge=0,
                    TimestampsToReturn=ua.TimestampsToReturn.Neither,
                    NodesToRead=list(wanted),
                )
            )
        if len(found) != len(wanted):
            raise self.down(f"an answer with {len(found)} values")
        return found

    async def publish(self, done: Sequence[tuple[int, int]], within_s: float) -> Published:
        """Return the next publish response, at most `within_s` later.

        Args:
            done: (subscription, sequence number) of the messages that the server may forget.
            within_s: the server owes a keep-alive at least that often.
        """
        request = ua.PublishRequest()
        request.Parameters.SubscriptionAcknowledgements = [
            ua.SubscriptionAcknowledgement(SubscriptionId=one, SequenceNumber=number)
            for one, number in done
        ]
        with self.asking():
            async with asyncio.timeout(within_s):
                raw = bytes(await self.session.ask(request, timeout_s=0))
            try:
                return wire.publish_response(raw, server_time=self._server_time)
            except UnusualError:
                return publish_response(raw, server_time=self._server_time)

    async def write(self, values: Sequence[tuple[ua.NodeId, ua.Variant]]) -> list[int]:
        """Write values in order, without timestamps (PITFALLS U9); return each status word."""
        request = ua.WriteRequest()
        request.Parameters.NodesToWrite = [
            ua.WriteValue(
                NodeId=node,
                AttributeId=ua.AttributeIds.Value,
                Value=ua.DataValue(Value=variant, StatusCode=None),
            )
            for node, variant in values
        ]
        with self.asking():
            answer = struct_from_binary(ua.WriteResponse, await self.session.ask(request))
            answer.ResponseHeader.ServiceResult.check()
        if len(answer.Results) != len(values):
            raise self.down(f"a write answered for {len(answer.Results)} values")
        return [int(status.value) for status in answer.Results]

    async def renew_channel(self) -> None:
        """Give the secure channel a new token before the old one ends."""
        with self.asking():
            await self.client.open_secure_channel(renew=True)
            self.client.uaclient.revolve_security_token()


@asynccontextmanager
async def connected(options: OpcUaOptions) -> AsyncIterator[Link]:
    """Yield a live session; it is closed on every way out, the sockets too.

    Raises:
        LinkDownError: the server cannot be reached or refuses for now.
        DriverConfigError: it refuses what the station file says.
    """
    for name in ("asyncua", "asyncuagds"):
        logging.getLogger(name).setLevel(_SILENT)  # we raise what it would log
    client = _client(options)
    transport = _Transport(options.timeout)
    client.uaclient = transport
    where = endpoint(options)
    try:
        with translated(where, connecting=True):
            if options.security is not None and options.security.policy != "None":
                await protect(client, options.security, where)
            await client.connect_socket()
            await client.send_hello()
            await client.open_secure_channel()
            await _to_the_end(client.create_session())
            user, password = _credentials(options)
            await client.activate_session(username=user, password=password)
        yield Link(client, transport.session, options)
    finally:
        with suppress(*LIBRARY):
            async with asyncio.timeout(_CLOSE_WITHIN_S):
                await client.close_session()
        with suppress(*LIBRARY):
            await client.close_secure_channel()
        client.disconnect_socket()
        await transport.all_closed()


async def _to_the_end(step: Coroutine[Any, Any, object]) -> None:
    """Do a step that must not be left half done: cancelled, it is finished first.

    A session whose making nobody waited for could not be closed by anybody.
    """
    task = asyncio.ensure_future(step)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)  # the library's time-out bounds it
        raise


def _credentials(options: OpcUaOptions) -> tuple[str | None, str | None]:
    """Return user and password, from where the station file says they are."""
    user, password = options.user, options.password
    if user is not None and user.startswith(REFERENCES):
        user = resolve_text(user)
    return user, resolve_text(password) if password is not None else None


def _client(options: OpcUaOptions) -> Client:
    """Return the library's client with our name, limits and short session."""
    url = endpoint(options) + urlsplit(options.url).path
    client = Client(url, timeout=options.timeout)
    client.name = client.description = "Lineside"
    client.application_uri = f"urn:{socket.gethostname()}:lineside"
    client.product_uri = "urn:lineside"
    client.session_timeout = _SESSION_TIMEOUT_MS
    client.max_messagesize = MAX_MESSAGE_BYTES
    return client
