"""What a station file says of a code reader."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from drivers.framing import FramingOptions, Mode, Terminator
from drivers.options import Options, Seconds

_RENUMBERED = re.compile(r"/dev/tty(USB|ACM)\d+")
_NUMBERED = re.compile(r"/dev/input/event\d+")
_TERMINATORS: dict[str | None, Terminator] = {
    "LF": Terminator.LF,
    "CRLF": Terminator.CRLF,
    "ANY": Terminator.ANY,
}

PositiveSeconds = Annotated[Seconds, Field(ge=0.001, le=60)]


def _stable_name(path: str) -> str:
    """Return the path of a port, refusing a name that another scanner may have tomorrow.

    Raises:
        ValueError: it is such a name (PITFALLS T5), or no absolute path.
    """
    if _RENUMBERED.fullmatch(path):
        raise ValueError(
            f"{path} is given to whichever scanner is plugged in first; use its name in "
            "/dev/serial/by-id, or in by-path for identical scanners without a serial number"
        )
    if not path.startswith("/"):
        raise ValueError(f"{path!r} is not the path of a port; write it like /dev/serial/by-id/...")
    return path


def _event_device(path: str) -> str:
    """Return the path of an event device, refusing a number that another one may have tomorrow.

    Raises:
        ValueError: it is such a name, or no absolute path.
    """
    if _NUMBERED.fullmatch(path):
        raise ValueError(f"{path} is given to whichever is plugged in first; use its name in by-id")
    if not path.startswith("/"):
        raise ValueError(f"{path!r} is no path; write it like /dev/input/by-id/...-event-kbd")
    return path


def _ascii(text: str) -> str:
    """Return what is sent to a scanner as it is.

    Raises:
        ValueError: it is empty or not ASCII, and what the scanner would get is anyone's guess.
    """
    if not text or not text.isascii():
        raise ValueError(f"{text!r}: give at least one ASCII character")
    return text


Sent = Annotated[str, AfterValidator(_ascii)]


class Framing(Options):
    """What ends a code. One of `end`, `idle` and `length`; CR if none is given."""

    start: Literal["STX"] | None = None
    """What begins a code; what comes before it is ignored. Only together with `end: ETX`."""

    end: Literal["CR", "LF", "CRLF", "ANY", "ETX"] | None = None
    """What the scanner sends after each code. ANY takes CR, LF and CR LF alike."""

    idle: PositiveSeconds | None = None
    """Silence that ends a code, such as 50ms. Only for a scanner that cannot send a terminator: two
    codes in quick succession come out as one."""

    length: Annotated[int, Field(ge=1)] | None = None
    """How many bytes a code has. Only for a scanner that cannot send a terminator: a lost byte
    spoils what follows until the scanner is silent for `partial_timeout`."""

    max: Annotated[int, Field(ge=1, le=65536)] = 256
    """Bytes in the longest code. Raise it for large 2D codes; what is longer is not a code."""

    partial_timeout: PositiveSeconds = 1.0
    """Silence after which half a code is given up and never joined to the next one."""

    @model_validator(mode="after")
    def _is_one_way(self) -> Self:
        """Refuse two ways to end a code, or half of one.

        Raises:
            ValueError: the keys contradict each other.
        """
        given = [key for key in ("end", "idle", "length") if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} both end a code; keep one of them")
        if (self.start == "STX") != (self.end == "ETX"):
            raise ValueError("start: STX and end: ETX go together")
        if self.length is not None and self.length > self.max:
            raise ValueError(f"length {self.length} is more than max {self.max}")
        return self

    def framing(self, noread: tuple[str, ...]) -> FramingOptions:
        """Return the same as the framer wants it."""
        mode = Mode.TERMINATOR
        if self.idle is not None:
            mode = Mode.IDLE
        elif self.length is not None:
            mode = Mode.LENGTH
        elif self.end == "ETX":
            mode = Mode.STX_ETX
        return FramingOptions(
            mode=mode,
            terminator=_TERMINATORS.get(self.end, Terminator.CR),
            idle_ms=round((self.idle or 0.05) * 1000),
            length=self.length or 1,
            max_len=self.max,
            partial_timeout_ms=round(self.partial_timeout * 1000),
            noread=noread,
        )


class Reply(Options):
    """What to send back once a scan was judged and stored, so that the scanner beeps or blinks."""

    good: Sent
    """Sent for a code that was taken."""

    bad: Sent
    """Sent for a code that was refused."""


class Heartbeat(Options):
    """How a scanner shows that it lives."""

    send: Sent | None = None
    """A question that the scanner answers, such as one for its version. Leave it out for a scanner
    that sends its heartbeat by itself."""

    expect: Annotated[str, Field(min_length=1, max_length=64)]
    """The answer or heartbeat as a whole text; it is never taken for a code. Codes prove life as
    well."""

    every: PositiveSeconds = 10.0
    """How often to ask, or how often the heartbeat comes."""

    within: PositiveSeconds = 2.0
    """How long to wait for it before the scanner counts as gone."""


class Trigger(Options):
    """What makes the scanner read."""

    send: Sent
    """Sent as soon as the link is up."""

    every: PositiveSeconds | None = None
    """Sent again this often, for a scanner whose reading ends by itself."""


class ScannerOptions(Options):
    """A code reader: on a serial line, on the network, or one that acts as a keyboard."""

    port: Annotated[str, AfterValidator(_stable_name)] | None = None
    """Path of the serial port. Use the name in /dev/serial/by-id: it stays with the scanner, while
    /dev/ttyUSB0 is whichever was plugged in first."""

    baudrate: Annotated[int, Field(ge=300, le=4_000_000)] = 9600
    """Bits per second on the serial line, as set in the scanner. A USB scanner ignores it."""

    data_bits: Literal[7, 8] = 8
    """Data bits on the serial line, as set in the scanner."""

    parity: Literal["none", "even", "odd"] = "none"
    """Parity on the serial line, as set in the scanner. A code with a damaged byte is refused."""

    stop_bits: Literal[1, 2] = 1
    """Stop bits on the serial line, as set in the scanner."""

    host: str | None = None
    """Name or address of a scanner that is a TCP server, in place of `port`."""

    port_number: Annotated[int, Field(ge=1, le=65535)] | None = None
    """TCP port of such a scanner."""

    keyboard: Annotated[str, AfterValidator(_event_device)] | None = None
    """Event device of a scanner that acts as a keyboard and has no other mode, by its name in
    /dev/input/by-id; in place of `port`. It is grabbed, so that it types nowhere else. Any other
    mode is better: a keyboard changes what it does not know."""

    layout: Literal["us", "de"] | None = None
    """What such a scanner types in, as set in the scanner. Needed with `keyboard`; scan a label
    that you know when you set it up."""

    connect_timeout: PositiveSeconds = 5.0
    """How long connecting to `host` may take."""

    framing: Framing = Framing()
    """What ends a code."""

    no_read: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = ("NOREAD",)
    """Whole texts by which the scanner says that it read nothing (D-81)."""

    keyed: bool | Literal["twice"] = False
    """Whether a person may key in a code by hand that this scanner cannot read (`lineside do
    STATION scan CODE`). It is judged as one that was read, and the record says who keyed it.
    `twice`: it has to be keyed in twice, the same each time, for codes without a check digit."""

    reply: Reply | None = None
    """What the scanner is told after the code was judged and stored. Leave it out for silence."""

    heartbeat: Heartbeat | None = None
    """How a dead scanner is noticed. A USB scanner that is unplugged is seen without it; one on
    RS-232 or behind a device server that is switched off is not. The link is up from its first
    sign of life on."""

    trigger: Trigger | None = None
    """What makes the scanner read, for one that has no button and no wire from the PLC. To read
    once a cycle, wire the PLC to the trigger input of the scanner."""

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        """Refuse a scanner that is nowhere, in two places, or half described.

        Raises:
            ValueError: the keys contradict each other.
        """
        places = [key for key in ("port", "host", "keyboard") if getattr(self, key) is not None]
        if len(places) != 1:
            raise ValueError(
                "give one of port (serial line), host and port_number (network), keyboard"
            )
        if (self.host is None) != (self.port_number is None):
            raise ValueError("host and port_number go together")
        line = {"baudrate", "data_bits", "parity", "stop_bits"} & self.model_fields_set
        if self.port is None and line:
            raise ValueError(f"{', '.join(sorted(line))}: only for a scanner on a serial line")
        if (self.keyboard is None) != (self.layout is None):
            raise ValueError("keyboard and layout go together")
        told = [key for key in ("reply", "heartbeat", "trigger") if getattr(self, key) is not None]
        if self.keyboard is not None and told:
            raise ValueError(f"{', '.join(told)}: a keyboard cannot be told anything")
        if self.heartbeat is not None and self.heartbeat.expect in self.no_read:
            raise ValueError(f"{self.heartbeat.expect!r} cannot be a heartbeat and a no-read")
        return self

    @property
    def endpoint(self) -> str:
        """Where the scanner is, as errors and shared devices name it."""
        return self.port or self.keyboard or f"tcp://{self.host}:{self.port_number}"
