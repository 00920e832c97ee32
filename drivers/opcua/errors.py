"""What went wrong with a link, in one line that names the endpoint, the cause and what to do."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from asyncua import ua

from drivers.base import DriverConfigError, DriverError, LinkDownError

DECODING = (struct.error, ValueError, IndexError, KeyError, TypeError, AttributeError)
"""What the library raises, beside its own errors, when an answer is not what it expects."""

LIBRARY = (ua.UaError, OSError, TimeoutError, *DECODING)
"""What the library raises when a link fails."""

_EDIT_THE_FILE = {
    "BadSecurityPolicyRejected": "take a policy and mode that the server offers",
    "BadSecurityModeRejected": "take a policy and mode that the server offers",
    "BadUserAccessDenied": "compare `user` and `password` with the PLC's user management",
    "BadIdentityTokenRejected": "compare `user` and `password` with the PLC's user management",
    "BadIdentityTokenInvalid": "the server wants another kind of user; set `user` and `password`",
    "BadIdentityTokenInsufficient": "the server wants a user; set `user` and `password`",
    "BadSecurityChecksFailed": "trust our certificate in the server (it may lie among the refused)",
    "BadCertificateUntrusted": "trust our certificate in the server (it may lie among the refused)",
    "BadCertificateTimeInvalid": "compare this machine's and the server's clock with the dates of "
    "both certificates",
    "BadCertificateUriInvalid": "the certificate's URI is not the application's: make a new one",
    "BadCertificateUseNotAllowed": "the certificate is not made for this use: make a new one",
    "BadCertificateInvalid": "make a new certificate with URI, key usage and extended key usage",
    "BadTcpEndpointUrlInvalid": "compare `url` with what the server calls itself",
}
_WAIT = {
    "BadTooManySessions": "close other clients; a session left dead ends by itself",
    "BadServerHalted": "start the server",
    "BadShutdown": "it comes back, or start it",
    "BadMaxConnectionsReached": "close other clients",
    "BadTooManySubscriptions": "close other clients; a session left dead ends by itself",
}
_CAUSES = (
    (TimeoutError, "no answer in time; is the PLC running and the network up?"),
    (
        ConnectionRefusedError,
        "connection refused; is the OPC UA server switched on, and the port right?",
    ),
    (socket.gaierror, "host unknown; compare `url`, or ask for the name service"),
    (ConnectionError, "the server closed the connection"),
)


def status_name(status: int) -> str:
    """Return a status word as `BadNodeIdUnknown (0x80340000)`."""
    name, _ = ua.status_codes.get_name_and_doc(status & 0xFFFF_0000)
    return f"{name} (0x{status:08X})"


def to_driver_error(endpoint: str, error: BaseException, *, connecting: bool) -> DriverError:
    """Return who has to act, and on what, when the library raised `error`.

    Args:
        endpoint: as the station file calls it.
        error: one of `LIBRARY`.
        connecting: whether a refusal can still be about what the station file says.
    """
    if isinstance(error, ua.UaStatusCodeError):
        status = int(error.code)
        name, _ = ua.status_codes.get_name_and_doc(status)
        if connecting and name in _EDIT_THE_FILE:
            return DriverConfigError(
                None, f"{endpoint}: refused with {status_name(status)}", _EDIT_THE_FILE[name]
            )
        hint = f"; {_WAIT[name]}" if name in _WAIT else ""
        return LinkDownError(f"{endpoint}: {status_name(status)}{hint}")
    if connecting and str(error).startswith("No matching endpoints"):  # the library's own words
        return DriverConfigError(
            None,
            f"{endpoint}: the server offers no connection in the clear",
            "set `security` with a policy, our certificate and key, and what to trust",
        )
    return LinkDownError(f"{endpoint}: {_cause(error)}")


def _cause(error: BaseException) -> str:
    """Return what a failure below the protocol means."""
    for kind, meaning in _CAUSES:
        if isinstance(error, kind):
            return meaning
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, ua.UaError):
        return str(error)
    return f"an answer that cannot be read ({type(error).__name__}: {error})"


@contextmanager
def translated(endpoint: str, *, connecting: bool = False) -> Iterator[None]:
    """Raise what the library raises inside as `LinkDownError` or `DriverConfigError`."""
    try:
        yield
    except DriverError:
        raise
    except LIBRARY as error:
        raise to_driver_error(endpoint, error, connecting=connecting) from error
