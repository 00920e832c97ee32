"""What an engineer reads when a link fails: one line that names endpoint, cause and remedy."""

import socket

import pytest
from asyncua import ua

from drivers.base import DriverConfigError, LinkDownError
from drivers.opcua.errors import to_driver_error, translated

PLC = "opc.tcp://10.0.3.7:4840"


def refused(name: str) -> Exception:
    """Return what the library raises for a status."""
    error: Exception = getattr(ua.uaerrors, name)()
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            ConnectionRefusedError(),
            "connection refused; is the OPC UA server switched on, and the port right?",
        ),
        (socket.gaierror(-2, "x"), "host unknown; compare `url`, or ask for the name service"),
        (TimeoutError(), "no answer in time; is the PLC running and the network up?"),
        (ConnectionResetError(), "the server closed the connection"),
        (OSError(113, "No route to host"), "No route to host"),
        (
            refused("BadTooManySessions"),
            (
                "BadTooManySessions (0x80560000); close other clients; a session left dead ends "
                "by itself"
            ),
        ),
        (refused("BadServerHalted"), "BadServerHalted (0x800E0000); start the server"),
        (refused("BadInternalError"), "BadInternalError (0x80020000)"),
        (ua.UaError("Unsupported"), "Unsupported"),
        (KeyError("x"), "an answer that cannot be read (KeyError: 'x')"),
    ],
)
def test_what_passes_by_itself_is_a_lost_link(error: Exception, told: str) -> None:
    """The supervisor tries again; the line says why and what helps."""
    found = to_driver_error(PLC, error, connecting=True)
    assert (type(found), str(found)) == (LinkDownError, f"{PLC}: {told}")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            refused("BadSecurityPolicyRejected"),
            "BadSecurityPolicyRejected (0x80550000); take a policy and mode that the server offers",
        ),
        (
            refused("BadIdentityTokenRejected"),
            (
                "BadIdentityTokenRejected (0x80210000); compare `user` and `password` with the "
                "PLC's user management"
            ),
        ),
        (
            refused("BadCertificateUntrusted"),
            (
                "BadCertificateUntrusted (0x801A0000); trust our certificate in the server (it may "
                "lie among the refused)"
            ),
        ),
    ],
)
def test_what_the_station_file_says_wrong_is_for_an_engineer(error: Exception, told: str) -> None:
    """While connecting, a refusal of user, policy or certificate names what to edit."""
    found = to_driver_error(PLC, error, connecting=True)
    assert (type(found), str(found)) == (DriverConfigError, f"{PLC}: refused with {told}")


def test_refusal_on_a_live_link_is_a_lost_link() -> None:
    """What was accepted once is not the file's fault now: connect anew and see."""
    found = to_driver_error(PLC, refused("BadUserAccessDenied"), connecting=False)
    assert (type(found), str(found)) == (
        LinkDownError,
        f"{PLC}: BadUserAccessDenied (0x801F0000)",
    )


def test_our_own_errors_pass_as_they_are() -> None:
    """An error that already says who has to act is not wrapped in another."""
    ours = DriverConfigError("count", "cause", "hint")
    with pytest.raises(DriverConfigError) as caught, translated(PLC):
        raise ours
    assert caught.value is ours
