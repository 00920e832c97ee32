"""What `lineside decode --port` listens to: how a reader is named on the command line."""

from pathlib import Path

import pytest

from agent.app.listening import Reader, ReaderError, reader_at

BY_ID = "/dev/serial/by-id/usb-ACME_Reader_0001-if00"


def line_of(reader: Reader) -> tuple[int, int, str, int]:
    """Return speed and form of a reader's serial line."""
    given = reader.options
    return given.baudrate, given.data_bits, given.parity, given.stop_bits


@pytest.mark.parametrize(
    ("port", "endpoint"),
    [
        (BY_ID, BY_ID),
        ("/dev/pts/3", "/dev/pts/3"),
        ("reader.local:2000", "tcp://reader.local:2000"),
        ("tcp://10.0.0.1:51236", "tcp://10.0.0.1:51236"),
        ("[::1]:2000", "tcp://::1:2000"),
    ],
)
def test_port_or_network(port: str, endpoint: str) -> None:
    """A path is a serial port, a name with a number is on the network."""
    assert reader_at(port).endpoint == endpoint


def test_name_that_moves_is_looked_up(tmp_path: Path) -> None:
    """A port given by its number is opened by the name that stays with it (T5)."""
    (tmp_path / "usb-other").symlink_to("/dev/ttyUSB78")
    (tmp_path / "usb-reader").symlink_to("/dev/ttyUSB77")
    assert reader_at("/dev/ttyUSB77", by_id=tmp_path).endpoint == str(tmp_path / "usb-reader")
    with pytest.raises(ReaderError, match="use its name in /dev/serial/by-id"):
        reader_at("/dev/ttyUSB79", by_id=tmp_path)


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("", (9600, 8, "none", 1)),
        ("115200", (115_200, 8, "none", 1)),
        ("9600 7E1", (9600, 7, "even", 1)),
        ("19200-8o2", (19_200, 8, "odd", 2)),
    ],
)
def test_serial_line(line: str, settings: tuple[int, int, str, int]) -> None:
    """Speed alone or with its form, as people write it."""
    assert line_of(reader_at(BY_ID, line=line)) == settings


@pytest.mark.parametrize(
    ("end", "framing"),
    [
        ("any", {"end": "ANY"}),
        ("CRLF", {"end": "CRLF"}),
        ("etx", {"start": "STX", "end": "ETX"}),
        ("50ms", {"idle": 0.05}),
    ],
)
def test_ends(end: str, framing: dict[str, object]) -> None:
    """A terminator, a pair of brackets, or a silence."""
    given = reader_at(BY_ID, end=end).options.framing.model_dump()
    assert given.items() >= framing.items()


@pytest.mark.parametrize(
    ("port", "line", "end", "cause"),
    [
        ("/dev/ttyUSB77", "", "CR", "use its name in /dev/serial/by-id"),
        ("COM3", "", "CR", "is not the path of a port"),
        (BY_ID, "fast", "CR", "'fast' is no line setting; write it like 9600"),
        (BY_ID, "", "TAB", "Input should be 'CR', 'LF', 'CRLF', 'ANY' or 'ETX'"),
        (BY_ID, "", "5", "is not a duration"),
        ("10.0.0.1:99999", "", "CR", "less than or equal to 65535"),
        ("10.0.0.1:2000", "9600", "CR", "only for a scanner on a serial line"),
    ],
)
def test_what_cannot_be(port: str, line: str, end: str, cause: str) -> None:
    """What cannot be listened to is refused in one line, before anything is opened."""
    with pytest.raises(ReaderError, match=cause):
        reader_at(port, line=line, end=end)
