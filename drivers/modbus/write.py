"""Writing to declared tags only, in order, each read back (D-155).

A write whose answer did not come may have been done or may still be done. It is never repeated
blindly: the next write to that tag looks first, and writes only what is not there (FAULTS M14).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from drivers.base import Clock, DriverConfigError, Quality, Scalar, TagValue
from drivers.modbus.bus import Session
from drivers.modbus.codec import Bit, as_bool
from drivers.modbus.faults import BUSY, CONFIGURATION, meaning
from drivers.modbus.layout import Point, block_of
from drivers.modbus.link import Refusal
from drivers.modbus.poll import value_of

ACCEPTED = 5
"""The exception by which a device says that it has taken a request and needs time for it."""

MOST_TRIES = 3


@dataclass(frozen=True, slots=True)
class Write:
    """One value on its way: its words are known to be right for the point."""

    point: Point
    value: Scalar
    words: tuple[int, ...]

    @property
    def held(self) -> Scalar | None:
        """What the point reads when the device holds the value."""
        return self.point.codec.decode(self.words)[0]


class Writer:
    """Writes one device's declared tags and remembers which of them are in doubt."""

    def __init__(self, clock: Clock, pause_s: float, declared: Collection[str]) -> None:
        self._clock = clock
        self._pause_s = pause_s
        self._declared = declared
        self._in_doubt: set[str] = set()

    def prepared(self, point: Point, value: Scalar) -> Write:
        """Return the write of a value that the tag is declared for and can hold.

        Raises:
            DriverConfigError: it is not, or cannot.
        """
        if point.tag not in self._declared:
            raise DriverConfigError(
                point.tag, "is not declared for writing", "give it write: true if it may be written"
            )
        try:
            return Write(point, value, point.codec.encode(value))
        except ValueError as error:
            raise DriverConfigError(
                point.tag, f"{point} cannot hold the value: {error}", "correct type or length"
            ) from error

    async def write(self, session: Session, writes: Sequence[Write]) -> None:
        """Write one group in its order, then read every value of it back.

        Raises:
            LinkDownError: the link broke, or the device does not hold a value.
            DriverConfigError: the device refuses a write.
        """
        for write in writes:
            in_doubt = write.point.tag in self._in_doubt
            if in_doubt and (await self._seen(session, write)).value == write.held:
                continue
            self._in_doubt.add(write.point.tag)
            await self._written(session, write)
        for write in writes:
            await self._read_back(session, write)
            self._in_doubt.discard(write.point.tag)

    async def _written(self, session: Session, write: Write) -> None:
        """Have the device take the value; one that says it is busy has not, and is asked again."""
        for tries_left in reversed(range(MOST_TRIES)):
            try:
                if isinstance(write.point.codec, Bit):
                    await session.write_bit(
                        write.point, write.point.codec.bit, value=as_bool(write.value)
                    )
                else:
                    await session.write(write.point, write.words)
            except Refusal as refusal:
                if refusal.code == ACCEPTED:
                    return
                if refusal.code not in BUSY or not tries_left:
                    raise self._refused(session, write, refusal) from refusal
                await self._clock.sleep(self._pause_s)
            else:
                return

    def _refused(self, session: Session, write: Write, refusal: Refusal) -> Exception:
        """Return the error of a write that the device has not taken; nothing is in doubt then."""
        self._in_doubt.discard(write.point.tag)
        cause, hint = meaning(refusal.code)
        if refusal.code in CONFIGURATION:
            return DriverConfigError(write.point.tag, f"{write.point}: {cause}", hint)
        return session.end(f"tag '{write.point.tag}' cannot be written: {cause}")

    async def _read_back(self, session: Session, write: Write) -> None:
        """Return when the device holds the value.

        A PLC may take over what was written in its next scan only, so it is given a few looks.

        Raises:
            LinkDownError: it does not hold it.
        """
        seen = await self._seen(session, write)
        for _ in range(MOST_TRIES - 1):
            if seen.value == write.held:
                return
            await self._clock.sleep(self._pause_s)
            seen = await self._seen(session, write)
        if seen.value != write.held:
            reads = seen.code if seen.quality is Quality.BAD else repr(seen.value)
            raise session.end(
                f"tag '{write.point.tag}' does not hold {write.value!r} after writing: {reads}"
            )

    @staticmethod
    async def _seen(session: Session, write: Write) -> TagValue:
        """Return what the point reads now."""
        try:
            words = await session.read(block_of([write.point]))
        except Refusal as refusal:
            return value_of(write.point.tag, (None, str(refusal)))
        return value_of(write.point.tag, write.point.codec.decode(words))
