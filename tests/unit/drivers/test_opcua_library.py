"""The library's client half alone: what a daemon loads, and what is still there for others."""

import subprocess
import sys

LOADED = """
import sys
from drivers.opcua.library import import_client
import_client()
import drivers.opcua.driver
assert "asyncua.server" not in sys.modules, "the server was imported"
from asyncua import Client, Server
from asyncua.server import Server as same
assert Server is same and Client.__name__ == "Client"
import_client()
import asyncua
assert asyncua.Server is Server
assert not hasattr(asyncua, "Nothing")
"""


def test_server_half_is_imported_on_demand_only() -> None:
    """A daemon does without asyncua's server; a program that wants one gets it all the same."""
    run = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=300, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")
