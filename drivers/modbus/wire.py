"""What a device is reached over, and what that means for silence and for late replies. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TcpWire:
    """A host that speaks Modbus TCP."""

    host: str
    port: int
    gateway: bool

    def __str__(self) -> str:
        """Return the endpoint as errors name it."""
        return f"modbus://{self.host}:{self.port}"

    @property
    def keeps_late_replies(self) -> bool:
        """Whether a reply that is under way survives a new connection."""
        return self.gateway

    @property
    def gap_s(self) -> float:
        """Silence between a reply and the next request."""
        return 0.0

    @property
    def hint(self) -> str:
        """What to look at when the wire cannot be opened."""
        return "check host, port, cable and whether the device has a free connection"


@dataclass(frozen=True, slots=True)
class SerialWire:
    """A serial line with one master: us."""

    path: str
    baudrate: int
    parity: str
    """N, E or O."""
    stop_bits: int

    def __str__(self) -> str:
        """Return the endpoint as errors name it."""
        return f"modbus:{self.path}"

    @property
    def keeps_late_replies(self) -> bool:
        """Whether a reply that is under way survives opening the port again: it does."""
        return True

    @property
    def gap_s(self) -> float:
        """Silence between two frames: 3.5 characters of 11 bits, at least 1.75 ms (D-154)."""
        return max(3.5 * 11 / self.baudrate, 0.00175)

    @property
    def hint(self) -> str:
        """What to look at when the wire cannot be opened."""
        return "check that the adapter is plugged in, its port is free and this user may open it"


Wire = TcpWire | SerialWire
