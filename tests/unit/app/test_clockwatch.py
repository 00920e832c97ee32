"""What the log says of clocks that do not go with ours."""

from agent.app.clockwatch import DeviceClocks
from agent.core.state import Astray
from agent.core.timekeeping import HINT
from tests.unit.app.test_trouble import Told


def test_a_device_whose_clock_is_wrong_is_told_once_and_when_it_is_right() -> None:
    """With its place in the file, by whose value and by how much (C08)."""
    told = Told()
    clocks = DeviceClocks(told, lambda device: f"press.yaml:7:3 {device}")
    clocks.look({})
    for off_ms in (-7_200_500, -7_200_600):
        clocks.look({"plc": Astray(tag="force", off_ms=off_ms, at_ms=1)})
    clocks.look({})
    clocks.look({})
    at = "press.yaml:7:3 plc"
    wrong = {"at": at, "device": "plc", "tag": "force", "off_s": -7_200.5, "hint": HINT}
    assert told.lines == [
        ("device_clock_wrong", wrong),
        ("device_clock_right", {"at": at, "device": "plc"}),
    ]
