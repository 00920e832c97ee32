"""What our packets carry beside topic and payload: MQTT v5 properties and reasons."""

from __future__ import annotations

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.formats.cloudevents import CONTENT_TYPE

LARGEST_FOR_US = 8192
"""Bytes of a packet that the broker may send us."""


def no_properties(packet: int) -> Properties:
    """Return the properties of a packet, none set."""
    return Properties(packet)  # type: ignore[no-untyped-call]  # paho has no types for it


def _pack_event_properties() -> bytes:
    plain = no_properties(PacketTypes.PUBLISH)
    plain.PayloadFormatIndicator = 1
    plain.ContentType = f"{CONTENT_TYPE}; charset=utf-8"
    packed: bytes = plain.pack()  # type: ignore[no-untyped-call]  # paho has no types for it
    return packed


class _EventProperties(Properties):
    """Content type and payload format of an event, packed once instead of for each message."""

    packed = _pack_event_properties()

    def pack(self) -> bytes:
        return self.packed


EVENT = _EventProperties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # as above


def with_will_reason() -> ReasonCode:
    """Return the reason for leaving that lets the broker speak our will."""
    return ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message")


def connect_properties() -> Properties:
    """Say how long a message to us may be: what is on `control` is anybody's (FAULTS X08)."""
    properties = no_properties(PacketTypes.CONNECT)
    properties.MaximumPacketSize = LARGEST_FOR_US
    return properties
