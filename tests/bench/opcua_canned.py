"""An OPC UA server that costs next to nothing: it answers publish requests from a can.

It speaks just enough of the protocol for a client to connect, look around and subscribe; then every
publish request is answered with the same bytes and the next sequence number, until the last one.
So what is measured is the client. Run as a process of its own: prints its port, ends with its
standard input.
"""

import asyncio
import sys
from datetime import UTC
from struct import Struct
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import (
    nodeid_from_binary,
    struct_from_binary,
    struct_to_binary,
)

NAMESPACE = "urn:bench"
CHANNEL, TOKEN, SUBSCRIPTION = 1, 1, 1
_HEADER = Struct("<3scI")
_CHUNK = Struct("<4sIIIII")
_U32 = Struct("<I")
_REQUEST_HANDLE_AT, _SEQUENCE_AT = 12, 37
_STAMP = ua.DateTime(2026, 11, 30, 7, tzinfo=UTC)


class CannedServer(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, messages: int) -> None:
        self._left = messages
        self._buffer = b""
        self._sent = 0
        self._can = bytearray()
        self._published = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            kind, _, size = _HEADER.unpack_from(self._buffer)
            if len(self._buffer) < size:
                return
            message, self._buffer = self._buffer[:size], self._buffer[size:]
            if kind == b"HEL":
                ack = struct_to_binary(ua.Acknowledge())
                self._transport.write(_HEADER.pack(b"ACK", b"F", _HEADER.size + len(ack)) + ack)
            elif kind == b"OPN":
                self._open(Buffer(message[12:]))
            elif kind == b"MSG":
                (request_id,) = _U32.unpack_from(message, 20)
                self._answer(request_id, Buffer(message[24:]))

    def _open(self, body: Buffer) -> None:
        """Open the channel, in the clear."""
        security = struct_from_binary(ua.AsymmetricAlgorithmHeader, body)
        sequence = struct_from_binary(ua.SequenceHeader, body)
        asked = struct_from_binary(ua.OpenSecureChannelRequest, body)
        token = ua.ChannelSecurityToken(CHANNEL, TOKEN, _STAMP, 3_600_000)
        answer = ua.OpenSecureChannelResponse(
            ResponseHeader=_good(asked.RequestHeader.RequestHandle),
            Parameters=ua.OpenSecureChannelResult(SecurityToken=token, ServerNonce=b""),
        )
        self._sent += 1
        content = (
            _U32.pack(CHANNEL)
            + struct_to_binary(security)
            + struct_to_binary(ua.SequenceHeader(ua.UInt32(self._sent), sequence.RequestId))
            + struct_to_binary(answer)
        )
        self._transport.write(_HEADER.pack(b"OPN", b"F", _HEADER.size + len(content)) + content)

    def _send(self, request_id: int, body: bytes | bytearray) -> None:
        """Send one message in one chunk."""
        self._sent += 1
        size = _CHUNK.size + len(body)
        self._transport.write(
            _CHUNK.pack(b"MSGF", size, CHANNEL, TOKEN, self._sent, request_id) + body
        )

    def _answer(self, request_id: int, body: Buffer) -> None:
        """Answer one request."""
        type_id = nodeid_from_binary(body.copy()).Identifier
        if type_id == ua.ObjectIds.PublishRequest_Encoding_DefaultBinary:
            asked = struct_from_binary(ua.PublishRequest, body)
            self._publish(request_id, asked.RequestHeader.RequestHandle)
            return
        request, respond = _CALLS[type_id]
        asked = struct_from_binary(request, body)
        answer = respond(self, asked)
        answer.ResponseHeader = _good(asked.RequestHeader.RequestHandle)
        self._send(request_id, struct_to_binary(answer))

    def _publish(self, request_id: int, handle: int) -> None:
        """Answer from the can; say nothing when it is empty."""
        if self._published == self._left:
            return
        self._published += 1
        _U32.pack_into(self._can, _REQUEST_HANDLE_AT, handle)
        _U32.pack_into(self._can, _SEQUENCE_AT, self._published)
        self._send(request_id, self._can)

    def fill(self, handles: list[int]) -> None:
        """Prepare the publish response: one value for each handle."""
        value = ua.DataValue(
            Value=ua.Variant(12.5, ua.VariantType.Double),
            SourceTimestamp=_STAMP,
            ServerTimestamp=_STAMP,
            StatusCode=None,
        )
        changes = ua.DataChangeNotification(
            MonitoredItems=[ua.MonitoredItemNotification(one, value) for one in handles]
        )
        answer = ua.PublishResponse(ResponseHeader=_good(0))
        answer.Parameters.SubscriptionId = SUBSCRIPTION
        answer.Parameters.NotificationMessage = ua.NotificationMessage(0, _STAMP, [changes])
        self._can = bytearray(struct_to_binary(answer))


def _good(handle: int) -> ua.ResponseHeader:
    return ua.ResponseHeader(Timestamp=_STAMP, RequestHandle=handle)


def _create_session(_server: CannedServer, asked: ua.CreateSessionRequest) -> Any:  # noqa: ANN401 - an answer
    endpoint = ua.EndpointDescription(
        EndpointUrl=asked.Parameters.EndpointUrl,
        SecurityMode=ua.MessageSecurityMode.None_,
        SecurityPolicyUri="http://opcfoundation.org/UA/SecurityPolicy#None",
        UserIdentityTokens=[ua.UserTokenPolicy("anonymous", ua.UserTokenType.Anonymous)],
    )
    return ua.CreateSessionResponse(
        Parameters=ua.CreateSessionResult(
            SessionId=ua.NodeId(ua.Int32(1)),
            AuthenticationToken=ua.NodeId(ua.Int32(2)),
            RevisedSessionTimeout=asked.Parameters.RequestedSessionTimeout,
            ServerNonce=bytes(32),
            ServerEndpoints=[endpoint],
        )
    )


def _read(_server: CannedServer, asked: ua.ReadRequest) -> Any:  # noqa: ANN401 - an answer
    answer = ua.ReadResponse()
    answer.Results = [_attribute(one) for one in asked.Parameters.NodesToRead]
    return answer


def _attribute(asked: ua.ReadValueId) -> ua.DataValue:
    """Return an attribute of a variable; every node outside the server object is a Double."""
    if asked.NodeId.NamespaceIndex == 0:
        held = {
            ua.ObjectIds.Server_NamespaceArray: ["http://opcfoundation.org/UA/", NAMESPACE],
            ua.ObjectIds.Server_ServerStatus_State: ua.Int32(0),
        }
        return ua.DataValue(ua.Variant(held.get(asked.NodeId.Identifier)))
    aspects = {
        ua.AttributeIds.NodeClass: ua.Variant(2, ua.VariantType.Int32),
        ua.AttributeIds.ValueRank: ua.Variant(-1, ua.VariantType.Int32),
        ua.AttributeIds.UserAccessLevel: ua.Variant(1, ua.VariantType.Byte),
        ua.AttributeIds.DataType: ua.Variant(ua.NodeId(ua.Int32(11)), ua.VariantType.NodeId),
        ua.AttributeIds.Value: ua.Variant(12.5, ua.VariantType.Double),
    }
    return ua.DataValue(aspects[asked.AttributeId])


def _subscribe(_server: CannedServer, asked: ua.CreateSubscriptionRequest) -> Any:  # noqa: ANN401 - an answer
    wanted = asked.Parameters
    return ua.CreateSubscriptionResponse(
        Parameters=ua.CreateSubscriptionResult(
            SUBSCRIPTION,
            wanted.RequestedPublishingInterval,
            wanted.RequestedLifetimeCount,
            wanted.RequestedMaxKeepAliveCount,
        )
    )


def _watch(server: CannedServer, asked: ua.CreateMonitoredItemsRequest) -> Any:  # noqa: ANN401 - an answer
    items = asked.Parameters.ItemsToCreate
    server.fill([int(one.RequestedParameters.ClientHandle) for one in items])
    answer = ua.CreateMonitoredItemsResponse()
    answer.Results = [
        ua.MonitoredItemCreateResult(
            StatusCode=ua.StatusCode(ua.UInt32(0)),
            MonitoredItemId=number,
            RevisedSamplingInterval=one.RequestedParameters.SamplingInterval,
            RevisedQueueSize=one.RequestedParameters.QueueSize,
        )
        for number, one in enumerate(items, start=1)
    ]
    return answer


_CALLS: dict[Any, tuple[Any, Any]] = {
    ua.ObjectIds.CreateSessionRequest_Encoding_DefaultBinary: (
        ua.CreateSessionRequest,
        _create_session,
    ),
    ua.ObjectIds.ActivateSessionRequest_Encoding_DefaultBinary: (
        ua.ActivateSessionRequest,
        lambda *_: ua.ActivateSessionResponse(),
    ),
    ua.ObjectIds.CloseSessionRequest_Encoding_DefaultBinary: (
        ua.CloseSessionRequest,
        lambda *_: ua.CloseSessionResponse(),
    ),
    ua.ObjectIds.ReadRequest_Encoding_DefaultBinary: (ua.ReadRequest, _read),
    ua.ObjectIds.CreateSubscriptionRequest_Encoding_DefaultBinary: (
        ua.CreateSubscriptionRequest,
        _subscribe,
    ),
    ua.ObjectIds.CreateMonitoredItemsRequest_Encoding_DefaultBinary: (
        ua.CreateMonitoredItemsRequest,
        _watch,
    ),
}


async def serve(messages: int) -> None:
    """Serve clients on a free port until the standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: CannedServer(messages), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
