"""How a broker is reached, and why it is not."""

from __future__ import annotations

import socket
import ssl

from agent.sinks.mqtt import MqttOptions


def tls_context(options: MqttOptions) -> ssl.SSLContext:
    """Return how a broker's certificate is checked, and which one is ours.

    Raises:
        OSError: a file cannot be read, or is none.
    """
    context = ssl.create_default_context(cafile=options.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.certificate is not None:
        context.load_cert_chain(options.certificate, options.key)
    return context


def why_unreachable(error: OSError) -> str:
    """Return the cause and what to do, the same words each time for the same trouble."""
    if isinstance(error, ssl.SSLCertVerificationError):
        cause = error.verify_message.rstrip(".")
        return f"its certificate is not accepted: {cause}; check `ca` and the host in `url`"
    if isinstance(error, ssl.SSLError):
        cause = (error.reason or "failed").lower().replace("_", " ")
        return f"TLS failed: {cause}; check that this is the port for mqtts://"
    if isinstance(error, socket.gaierror):
        return "the name cannot be resolved; check the host in `url` and the name server"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there; check that the broker runs, and `url`"
    return f"cannot be reached: {error.strerror or error}; check the network and `url`"
