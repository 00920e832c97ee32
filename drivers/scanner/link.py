"""The line to a scanner: opened, read without waiting, written, closed; nothing of its meaning.

The one user of pyserial, which opens and sets up the port; reading is our own, on the descriptor,
because its reads cannot tell silence from a hang-up (PITFALLS T2).
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import grp
import os
import socket
import termios
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Protocol

import serial

from drivers.base import LinkDownError
from drivers.scanner.keys import KeysLink
from drivers.scanner.options import ScannerOptions
from drivers.scanner.others import OpenWatch, is_pty, others_with
from drivers.scanner.usb import usb_identity

READ_BYTES = 65536
"""Most that one read returns: more than any tty keeps."""

_PARITIES = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}
_IFLAG, _CC = 0, 6  # places in what tcgetattr returns
_MARK, _SUB, _NUL = 0xFF, 0x1A, 0x00
_KEEP_ALIVE_S = (10, 5, 3)  # idle, between probes, probes: a dead scanner is noticed in 25 s


class Link(Protocol):
    """An open line to a scanner. Whatever fails raises LinkDownError that names the endpoint."""

    descriptors: tuple[int, ...]
    """Readable when there is something to look at."""
    identity: str | None
    """What is plugged in, as its USB descriptor says; None where none tells."""

    def read(self) -> bytes:
        """Return what has come, at most READ_BYTES; empty if nothing has.

        Raises:
            LinkDownError: the scanner is gone.
        """
        ...

    def others(self) -> tuple[str, ...] | None:
        """Return who else has opened the line since the last call and still has it; None: nobody.

        Empty: somebody did and is gone.
        """
        ...

    def write(self, data: bytes) -> None:
        """Send bytes to the scanner.

        Raises:
            LinkDownError: it is gone, or does not take them.
        """
        ...

    def close(self) -> None:
        """Let go of the line, at once."""
        ...


class Marks:
    """Takes the marks out that the kernel puts before a damaged byte (PARMRK).

    A byte with a parity or framing error becomes SUB, the character that stands for a damaged one,
    so that its frame is invalid: without marks it would be taken as it came. A break becomes NUL,
    which is dropped before a code and makes a code invalid.

    Source: termios(3), PARMRK: FF 00 X is a damaged X, FF 00 00 also a break, FF FF a real FF.
    """

    def __init__(self) -> None:
        self._seen = 0  # of a mark that the last read cut

    def decode(self, data: bytes) -> bytes:
        """Return the bytes that were on the line; half a mark is kept for the next call."""
        if not self._seen and _MARK not in data:
            return data
        plain = bytearray()
        for byte in data:
            if self._seen == 0 and byte != _MARK:
                plain.append(byte)
            elif self._seen == 0 or (self._seen == 1 and byte == _NUL):
                self._seen += 1
            else:
                plain.append(byte if self._seen == 1 or byte == _NUL else _SUB)
                self._seen = 0
        return bytes(plain)


class SerialLink:
    """A scanner on a serial port, or on the near side of a pseudo-terminal."""

    def __init__(self, path: str, options: ScannerOptions) -> None:
        """Open the port for us alone; what was scanned before is dropped (PITFALLS T4).

        Raises:
            LinkDownError: the port is missing, in use, forbidden, or no serial port.
        """
        self._path = path
        self._marks = Marks()
        with ExitStack() as undo:
            try:
                self._port = undo.enter_context(_opened(path, options))
                self._watch = undo.enter_context(closing(OpenWatch(path)))
                self._fd = self._port.fileno()
                self._set_up()
            except (OSError, termios.error) as error:  # pyserial's own error is an OSError
                raise LinkDownError(why_not_opened(path, error)) from error
            undo.pop_all()
        self.descriptors: tuple[int, ...] = (self._fd, self._watch.fileno())
        self.identity = usb_identity(path)

    def _set_up(self) -> None:
        users = others_with(self._path)
        if users:
            raise LinkDownError(_in_use(self._path, users))
        if not is_pty(self._path):  # whose flag outlives us while its far side is open
            fcntl.ioctl(self._fd, termios.TIOCEXCL)
        settings = termios.tcgetattr(self._fd)
        settings[_IFLAG] |= termios.INPCK | termios.PARMRK
        settings[_IFLAG] &= ~(termios.IGNPAR | termios.IGNBRK | termios.BRKINT)
        settings[_CC][termios.VMIN] = 1  # so that nothing there and hung up read differently
        termios.tcsetattr(self._fd, termios.TCSANOW, settings)
        termios.tcflush(self._fd, termios.TCIFLUSH)
        self._watch.was_opened()  # whoever opened it before now is gone

    def read(self) -> bytes:
        """Return what has come; empty if nothing has.

        Raises:
            LinkDownError: the port has hung up.
        """
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LinkDownError(self._hung_up()) from error
        if not data:
            raise LinkDownError(self._hung_up())
        return self._marks.decode(data)

    def others(self) -> tuple[str, ...] | None:
        """Return who else has opened the port since the last call; None: nobody."""
        return _others_if_there(self._path) if self._watch.was_opened() else None

    def write(self, data: bytes) -> None:
        """Send bytes to the scanner.

        Raises:
            LinkDownError: it is gone, or has not taken earlier ones.
        """
        try:
            sent = os.write(self._fd, data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise LinkDownError(self._hung_up()) from error
        if sent < len(data):
            raise LinkDownError(f"{self._path}: the scanner does not take our reply")

    def close(self) -> None:
        """Let go of the port at once, without waiting for a reply to leave it."""
        with suppress(termios.error):  # it has hung up
            termios.tcflush(self._fd, termios.TCOFLUSH)
        self._watch.close()
        self._port.close()

    def _hung_up(self) -> str:
        return f"{self._path}: hung up: is the scanner unplugged or without power?"


class TcpLink:
    """A scanner that is a TCP server; it has one client or its own way to serve several."""

    def __init__(self, endpoint: str, connected: socket.socket) -> None:
        self._endpoint = endpoint
        self._socket = connected
        self.identity: str | None = None
        self.descriptors: tuple[int, ...] = (connected.fileno(),)

    def read(self) -> bytes:
        """Return what has come; empty if nothing has.

        Raises:
            LinkDownError: the scanner has closed the connection, or does not answer.
        """
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LinkDownError(f"{self._endpoint}: {_said(error)}") from error
        if not data:
            raise LinkDownError(f"{self._endpoint}: closed by the scanner")
        return data

    def others(self) -> None:
        """Return that nobody else reads: a connection has one reader."""

    def write(self, data: bytes) -> None:
        """Send bytes to the scanner.

        Raises:
            LinkDownError: it is gone, or has not taken earlier ones.
        """
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise LinkDownError(f"{self._endpoint}: {_said(error)}") from error
        if sent < len(data):
            raise LinkDownError(f"{self._endpoint}: the scanner does not take our reply")

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


async def connect(options: ScannerOptions) -> Link:
    """Return the open line to the scanner.

    Raises:
        LinkDownError: it cannot be opened; says why and what to do.
    """
    if options.port is not None:
        return SerialLink(options.port, options)
    if options.keyboard is not None and options.layout is not None:
        return KeysLink(options.keyboard, options.layout)
    where = options.endpoint
    try:
        async with asyncio.timeout(options.connect_timeout):
            return TcpLink(where, await _connected(options.host, options.port_number))
    except TimeoutError as error:
        raise LinkDownError(f"{where}: no answer within {options.connect_timeout} s") from error
    except OSError as error:
        raise LinkDownError(f"{where}: {_said(error)}") from error


async def _connected(host: str | None, port_number: int | None) -> socket.socket:
    """Return a socket to the first address of the host; closed again if that fails."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port_number, type=socket.SOCK_STREAM)
    family, kind, protocol, _, address = found[0]
    with ExitStack() as undo:
        connecting = undo.enter_context(socket.socket(family, kind, protocol))
        connecting.setblocking(False)  # noqa: FBT003 - takes it by position alone
        idle_s, interval_s, probes = _KEEP_ALIVE_S
        connecting.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle_s)
        connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, interval_s)
        connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, probes)
        await loop.sock_connect(connecting, address)
        undo.pop_all()
    return connecting


def _opened(path: str, options: ScannerOptions) -> serial.Serial:
    """Return the port, set up and locked for us."""
    return serial.Serial(
        path,
        baudrate=options.baudrate,
        bytesize=options.data_bits,
        parity=_PARITIES[options.parity],
        stopbits=options.stop_bits,
        timeout=0,
        exclusive=True,
    )


def _in_use(path: str, users: tuple[str, ...]) -> str:
    who = ", ".join(users) or "another station, or a program that this user cannot see"
    return f"{path}: in use by {who}: only one can read a scanner, stop the other one"


def why_not_opened(path: str, error: Exception) -> str:
    """Return one line: the path, why it cannot be opened, what to do."""
    code = getattr(error, "errno", None)
    if code in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return f"{path}: no such port: plug the scanner in, or find its name in /dev/serial/by-id"
    if code in (errno.EACCES, errno.EPERM):
        return f"{path}: permission denied: add this user to the group '{_group_of(path)}'"
    if code in (errno.EAGAIN, errno.EBUSY):
        return _in_use(path, _others_if_there(path))
    if code == errno.EMFILE:
        return f"{path}: {error}: raise fs.inotify.max_user_instances or the unit's LimitNOFILE"
    if code is None:
        return f"{path}: no serial port, or one without these settings: check port and baudrate"
    return f"{path}: {os.strerror(code).lower()}: plug the scanner out and in"


def _others_if_there(path: str) -> tuple[str, ...]:
    try:
        return others_with(path)
    except OSError:  # unplugged meanwhile
        return ()


def _said(error: OSError) -> str:
    """Return what an error means, without the address that the event loop puts in its place."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno).lower()
    return str(error.strerror or error)


def _group_of(path: str) -> str:
    """Return the group that may open the port; Debian's if it cannot be seen."""
    try:
        return grp.getgrgid(Path(path).stat().st_gid).gr_name
    except (OSError, KeyError):
        return "dialout"
