"""Which rig stands for which driver. A new driver adds one line here and a file beside it."""

from collections.abc import Callable

from tests.contract.rig import Rig
from tests.contract.rig_modbus import ModbusRig
from tests.contract.rig_opcua import OpcUaRig
from tests.contract.rig_scanner import ScannerRig

RIGS: dict[str, Callable[[], Rig]] = {
    "modbus": ModbusRig,
    "scanner": ScannerRig,
    "opcua": OpcUaRig,
}
