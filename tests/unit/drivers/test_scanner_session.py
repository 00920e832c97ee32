"""A scanner's session in virtual time: age, doubt, back-pressure, other readers, the end."""

import pytest

from drivers.base import CodeScanned, LinkChanged, LinkDownError, SamplesLost
from drivers.scanner.session import QUEUE_CODES
from tests.doubles import settled
from tests.unit.drivers.scanner_bench import PORT, START_MS, running


async def test_code_is_as_old_as_its_bytes() -> None:
    """A code is handed over after the link, with the moments of its first and last byte."""
    async with running() as bench:
        await bench.put(b"SN00")
        await bench.put(b"01\r")
        assert isinstance(bench.seen[0], LinkChanged)
        assert bench.codes == [(b"SN0001", "ok", 100, 200)]
        assert [one.entry for one in bench.seen if isinstance(one, CodeScanned)] == [None]


async def test_no_read_is_told_from_a_code() -> None:
    """A configured no-read text has its own status."""
    async with running(no_read=["NR"]) as bench:
        await bench.put(b"NR\rNRX\r")
        assert bench.spoken == [(b"NR", "noread"), (b"NRX", "ok")]


async def test_half_a_code_is_given_up_in_time() -> None:
    """Half a code is PARTIAL when its time is over, although nothing more comes."""
    async with running(framing={"partial_timeout": "300ms"}) as bench:
        await bench.put(b"SN00")
        await bench.clock.advance(0.299)
        assert bench.codes == []
        await bench.clock.advance(0.002)
        await settled()
        assert bench.codes == [(b"SN00", "partial", 100, 100)]


async def test_silence_ends_a_code() -> None:
    """Without a terminator a code ends when the line was silent for the idle gap."""
    async with running(framing={"idle": "50ms"}) as bench:
        await bench.put(b"SN0001")
        await bench.clock.advance(0.051)
        await settled()
        assert bench.codes == [(b"SN0001", "ok", 100, 100)]


async def test_code_that_waited_is_as_old_as_the_last_look() -> None:
    """What is read after a stall may have been scanned any time since the line was looked at."""
    async with running() as bench:
        await bench.clock.advance(0.1)
        await bench.stall(b"SN0001\rSN0002\r", for_s=60)
        assert bench.codes == [(b"SN0001", "ok", 100, 60_200), (b"SN0002", "ok", 100, 60_200)]


async def test_rest_of_what_waited_is_as_old() -> None:
    """What the line gives right after a stall may have waited as long; later codes are fresh."""
    async with running() as bench:
        await bench.stall(b"SN0001\r", for_s=60)
        await bench.put(b"SN0002\r")
        await bench.put(b"SN0003\r")
        ages = {raw: earliest for raw, _, earliest, _ in bench.codes}
        assert ages[b"SN0001"] == ages[b"SN0002"] == 0
        assert ages[b"SN0003"] >= 60_000


async def test_stall_in_mid_code_accepts_neither_half() -> None:
    """Where a stall may have cut a code or joined two, the halves are PARTIAL, the next is OK."""
    async with running() as bench:
        await bench.put(b"SN00")
        await bench.stall(b"01\rSN0002\r", for_s=60)
        assert bench.spoken == [(b"SN00", "partial"), (b"01", "partial"), (b"SN0002", "ok")]


async def test_idle_gap_is_not_believed_after_a_stall() -> None:
    """In idle mode a late look cannot tell whether there was a gap: nothing is accepted."""
    async with running(framing={"idle": "50ms"}) as bench:
        await bench.put(b"SN00")
        await bench.stall(b"01", for_s=0.06)
        await bench.clock.advance(0.2)
        await settled()
        assert bench.spoken == [(b"SN00", "partial"), (b"01", "partial")]


async def test_line_is_drained_while_the_receiver_waits() -> None:
    """Codes that the receiver cannot take yet wait in order; what is too many is counted once."""
    async with running() as bench:
        bench.may_emit.clear()
        await bench.put(b"".join(b"%06d\r" % number for number in range(QUEUE_CODES + 3)))
        await bench.put(b"LOST\r")
        bench.may_emit.set()
        await settled()
        await bench.put(b"AFTER\r")
        assert bench.spoken == [(b"%06d" % number, "ok") for number in range(QUEUE_CODES)] + [
            (b"AFTER", "ok")
        ]
        lost = bench.seen[-2]
        assert isinstance(lost, SamplesLost)
        assert (lost.count, lost.tag, lost.reason) == (
            4,
            None,
            f"{PORT}: {QUEUE_CODES} codes wait already",
        )
        assert (lost.earliest_ms, lost.latest_ms) == (START_MS + 100, START_MS + 200)


async def test_lost_link_ends_what_is_open() -> None:
    """When the link is lost the port is let go, half a code is PARTIAL, and the error is last."""
    async with running() as bench:
        await bench.put(b"SN0001\rSN00")
        bench.link.is_up = False
        await bench.put(b"")
        assert bench.spoken == [(b"SN0001", "ok"), (b"SN00", "partial")]
        assert bench.error == f"{PORT}: hung up"
        assert bench.link.closed == 1


async def test_lost_link_waits_for_the_receiver() -> None:
    """Codes that wait when the link is lost are handed over before the error."""
    async with running() as bench:
        bench.may_emit.clear()
        await bench.put(b"SN0001\r")
        bench.link.is_up = False
        await bench.put(b"")
        assert bench.link.closed == 1
        bench.may_emit.set()
        await settled()
        assert bench.spoken == [(b"SN0001", "ok")]
        assert bench.error == f"{PORT}: hung up"


async def test_second_reader_ends_the_link() -> None:
    """While another program reads the port no part of a code is accepted, and it is named (S03)."""
    async with running() as bench:
        await bench.put(b"SN0001\r")
        bench.link.opened_by = ("pid 4711 (minicom)",)
        await bench.put(b"02\rSN00")
        assert bench.spoken == [(b"SN0001", "ok"), (b"02", "partial"), (b"SN00", "partial")]
        assert bench.error == (
            f"{PORT}: also read by pid 4711 (minicom), which would cut codes: stop it"
        )


async def test_passing_reader_spoils_what_came_around_it() -> None:
    """A program that opened the port and is gone may have taken bytes: that moment is PARTIAL."""
    async with running() as bench:
        bench.link.opened_by = ()
        await bench.put(b"01\r")
        await bench.put(b"SN0002\r", after_s=1.0)
        await bench.put(b"SN0003\r")
        assert bench.spoken == [(b"01", "partial"), (b"SN0002", "partial"), (b"SN0003", "ok")]
        assert bench.over is not None
        assert not bench.over.done()


async def test_reply_is_sent_as_configured() -> None:
    """A reply reaches the scanner as its bytes."""
    async with running() as bench:
        bench.session.send(b"\x06")
        assert bench.link.sent == [b"\x06"]


async def test_reply_that_is_not_taken_ends_the_link() -> None:
    """A scanner that does not take a reply is gone; later replies say so as well."""
    async with running() as bench:
        bench.link.takes = False
        for _ in range(2):
            with pytest.raises(LinkDownError, match="does not take our reply"):
                bench.session.send(b"\x06")
        await settled()
        assert "does not take our reply" in bench.error
        assert bench.link.closed == 1
