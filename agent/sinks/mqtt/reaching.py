"""The way to a broker: DNS, TCP and TLS, all asyncio's, as a wire for paho."""

from __future__ import annotations

import asyncio
import socket

from agent.sinks.mqtt.login import Login
from agent.sinks.mqtt.wire import Wire


async def reach(login: Login, known: dict[str, str]) -> Wire:
    """Return a wire that is up.

    Args:
        login: Where to.
        known: The last good address of each name, used where nobody knows the name any more (N09),
            and kept for the next time; over TLS the certificate has to fit the name all the same.

    Raises:
        OSError: there is no way to the broker; ssl.SSLError is one.
    """
    try:
        wire, at = await _wire_to(login.host, login)
    except socket.gaierror:
        if login.host not in known:
            raise
        wire, at = await _wire_to(known[login.host], login)
    known[login.host] = at
    return wire


async def _wire_to(address: str, login: Login) -> tuple[Wire, str]:
    """Return a wire that is up, and the address at its other end."""
    name = login.host if login.tls else None
    transport, wire = await asyncio.get_running_loop().create_connection(
        Wire, address, login.port, ssl=login.tls, server_hostname=name
    )
    return wire, str(transport.get_extra_info("peername")[0])
