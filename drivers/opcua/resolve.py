"""From names to nodes, anew at each connect: which nodes the tags are, and which cannot work.

A namespace's number is looked up by its URI on this link (D-160). A tag that cannot work is named
with the server's own word and what to do; the others work (PITFALLS U5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from asyncua import Node, ua
from asyncua.common.ua_utils import data_type_to_variant_type

from drivers.base import DriverConfigError, Quality, TagFault
from drivers.opcua import OpcUaTag, values
from drivers.opcua.addresses import parse_node
from drivers.opcua.errors import status_name
from drivers.opcua.link import Link
from drivers.opcua.slow import scalar_of
from drivers.opcua.status import HINTS, is_gone, quality_of
from drivers.opcua.wire import ARRAY
from drivers.options import Tag

T = TypeVar("T")

DEFAULT_PER_CALL = 500
"""Nodes in one request to a server that does not say how many it takes."""

_STATES_AT_WORK = (0, 5, 7)  # running, test, unknown (OPC 10000-5, 12.6)
_READABLE, _WRITABLE = 1, 2
_VARIABLE = 2
_ASPECTS = (
    ua.AttributeIds.NodeClass,
    ua.AttributeIds.ValueRank,
    ua.AttributeIds.UserAccessLevel,
    ua.AttributeIds.DataType,
    ua.AttributeIds.Value,
)
_FORMS = {
    int: ua.NodeIdType.Numeric,
    str: ua.NodeIdType.String,
    UUID: ua.NodeIdType.Guid,
    bytes: ua.NodeIdType.ByteString,
}
_SERVER = (
    ua.ObjectIds.Server_ServerStatus_State,
    ua.ObjectIds.Server_ServerStatus_StartTime,
    ua.ObjectIds.Server_ServerStatus_CurrentTime,
    ua.ObjectIds.Server_NamespaceArray,
    ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
    ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerWrite,
    ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A tag and the node that it is on this link."""

    tag: Tag
    node: ua.NodeId
    kind: int
    """Built-in type of its value."""

    def check(self, link: Link, kind: int, status: int) -> None:
        """Refuse to go on with a node that is gone or of another type (FAULTS U03, U04).

        Raises:
            LinkDownError: it is; at the next connect the tag is judged anew.
        """
        if status and is_gone(status):
            raise link.down(
                f"tag '{self.tag.name}' is gone: {status_name(status)}; connecting anew"
            )
        if kind not in (self.kind, 0):
            raise link.down(
                f"tag '{self.tag.name}' was of type {values.type_name(self.kind)} and is "
                f"{values.type_name(kind)} now; connecting anew"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSeen:
    """What the server says of itself; the first three must not change during a link."""

    state: int
    start_time: Any
    namespaces: tuple[str, ...]
    current_time: Any
    nodes_per_read: int
    nodes_per_write: int
    items_per_call: int

    def same_run(self, other: ServerSeen) -> bool:
        """Whether the server was neither restarted nor given other namespaces in between."""
        return (self.start_time, self.namespaces) == (other.start_time, other.namespaces)


async def look_at_server(link: Link) -> ServerSeen:
    """Return what the server says of itself.

    Raises:
        LinkDownError: it is not at work, or keeps its namespaces to itself.
    """
    found = await link.attributes(
        [
            ua.ReadValueId(NodeId=ua.NodeId(ua.Int32(number)), AttributeId=ua.AttributeIds.Value)
            for number in _SERVER
        ]
    )
    state, start_time, current_time, namespaces, *limits = (content(one)[0] for one in found)
    if state is not None and int(state) not in _STATES_AT_WORK:
        raise link.down(f"the server says {ua.ServerState(state).name}")
    if not isinstance(namespaces, list):
        raise link.down("the server does not list its namespaces")
    per_read, per_write, per_call = (int(one or 0) or DEFAULT_PER_CALL for one in limits)
    return ServerSeen(
        state=int(state or 0),
        start_time=start_time,
        namespaces=tuple(namespaces),
        current_time=current_time,
        nodes_per_read=per_read,
        nodes_per_write=per_write,
        items_per_call=per_call,
    )


async def resolve(
    link: Link, server: ServerSeen, tags: Sequence[Tag]
) -> tuple[list[Item], list[TagFault]]:
    """Return the nodes of the tags that can work, and what is wrong with the others.

    Raises:
        LinkDownError: the server does not answer, or not say now what a test value is.
        DriverConfigError: a tag does not hold its test value, or is not there to hold it.
    """
    items: list[Item] = []
    faults: list[TagFault] = []
    nodes: list[tuple[Tag, ua.NodeId]] = []
    for tag in tags:
        place = _place(tag, server.namespaces)
        if isinstance(place, TagFault):
            faults.append(place)
        else:
            nodes.append((tag, place))
    for some in chunks(nodes, max(1, server.nodes_per_read // len(_ASPECTS))):
        found = await link.attributes(
            [
                ua.ReadValueId(NodeId=node, AttributeId=aspect)
                for _, node in some
                for aspect in _ASPECTS
            ]
        )
        for (tag, node), aspects in zip(some, chunks(found, len(_ASPECTS)), strict=True):
            result = await _judge(link, tag, node, aspects)
            if isinstance(result, TagFault):
                faults.append(result)
            else:
                _prove(link, tag, aspects[-1])
                items.append(result)
    proving = {tag.name for tag in tags if tag.address.test is not None}
    for fault in faults:
        if fault.tag in proving:
            raise DriverConfigError(fault.tag, fault.cause, fault.hint)
    return items, faults


def _prove(link: Link, tag: Tag, value: ua.DataValue) -> None:
    """Return if the node holds its test value, or has none to hold (D-147, FAULTS N10).

    Raises:
        LinkDownError: the server does not say now what it holds.
        DriverConfigError: it holds something else.
    """
    wanted: OpcUaTag = tag.address
    held, status = content(value)
    if wanted.test is None or (held is not None and held == wanted.test):
        return
    if quality_of(status) is not Quality.GOOD:
        raise link.down(f"the test value of tag '{tag.name}' cannot be read: {status_name(status)}")
    raise DriverConfigError(
        tag.name,
        f"{wanted.node} reads {held!r} where the test value {wanted.test!r} is expected",
        "see that this is the right machine at that address",
    )


def chunks(whole: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    """Yield `whole` in pieces of at most `most`."""
    for start in range(0, len(whole), most):
        yield whole[start : start + most]


def fault_of(tag: str, status: int) -> TagFault:
    """Return what a bad status means for a tag."""
    name = status_name(status)
    hint = HINTS.get(name.partition(" ")[0], "look this status up in the server's manual")
    return TagFault(tag=tag, cause=name, hint=hint)


def content(data: ua.DataValue) -> tuple[Any, int]:
    """Return an attribute's value (None where it is not good) and its status word."""
    status = 0 if data.StatusCode is None else int(data.StatusCode.value)
    is_there = data.Value is not None and quality_of(status) is Quality.GOOD
    return (data.Value.Value if is_there and data.Value is not None else None), status


def _place(tag: Tag, namespaces: Sequence[str]) -> ua.NodeId | TagFault:
    """Return a tag's node by the namespaces of this link."""
    options: OpcUaTag = tag.address
    address = parse_node(options.node)
    try:
        index = 0 if address.uri is None else namespaces.index(address.uri)
    except ValueError:
        return TagFault(
            tag=tag.name,
            cause=f"no namespace {address.uri} on this server",
            hint=f"compare with those it has: {', '.join(namespaces)}",
        )
    form = _FORMS[type(address.identifier)]
    return ua.NodeId(address.identifier, index, form)  # type: ignore[arg-type]  # plain values work


async def _judge(
    link: Link, tag: Tag, node: ua.NodeId, aspects: Sequence[ua.DataValue]
) -> Item | TagFault:
    """Return the tag's item, or why it cannot work."""
    node_class, rank, access, data_type, value = aspects
    refusal = _refusal(tag, node_class, access)
    if refusal:
        return fault_of(tag.name, refusal)
    _, kind = scalar_of(value.Value)
    if not kind and content(data_type)[0] is not None:
        kind = await _declared_type(link, content(data_type)[0])
    dimensions, _ = content(rank)
    if dimensions is not None and int(dimensions) >= 0:  # -1 is a scalar, -2 and -3 may be one
        kind = ARRAY
    wanted: OpcUaTag = tag.address
    if wanted.type is not None and values.type_name(kind) != wanted.type:
        return TagFault(
            tag=tag.name,
            cause=f"it is of type {values.type_name(kind)}, not {wanted.type}",
            hint="correct `type`, or the PLC program",
        )
    if kind not in values.TAG_TYPES:
        return TagFault(
            tag=tag.name,
            cause=f"it is of type {values.type_name(kind)}, which no tag can hold",
            hint="name one element or member of it, if the server offers those as nodes",
        )
    return Item(tag=tag, node=node, kind=kind)


def _refusal(tag: Tag, node_class: ua.DataValue, access: ua.DataValue) -> int:
    """Return the status that says why the node cannot serve the tag; 0 where it can."""
    found, status = content(node_class)
    if found is None:
        return status or ua.StatusCodes.BadNodeIdUnknown
    if int(found) != _VARIABLE:
        return ua.StatusCodes.BadAttributeIdInvalid
    may = content(access)[0]
    if may is not None and not int(may) & _READABLE:
        return ua.StatusCodes.BadNotReadable
    if may is not None and tag.write and not int(may) & _WRITABLE:
        return ua.StatusCodes.BadNotWritable
    return 0


async def _declared_type(link: Link, data_type: ua.NodeId) -> int:
    """Return the built-in type of a variable that has no value yet."""
    with link.asking():
        declared = await data_type_to_variant_type(Node(link.session, data_type))
    return int(declared.value)
