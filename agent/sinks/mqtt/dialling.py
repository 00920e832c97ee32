"""How a broker is reached, and why it is not."""

from __future__ import annotations

import hashlib
import socket
import ssl

from agent.ports import SinkDownError
from agent.sinks.mqtt.broker import BrokerOptions
from agent.sinks.mqtt.reasons import not_taken
from agent.sinks.options import SinkPlace


def down(options: BrokerOptions, cause: str) -> SinkDownError:
    """Return the error that names the broker."""
    return SinkDownError(f"broker {options.host}:{options.port}: {cause}")


async def credentials(
    options: BrokerOptions, place: SinkPlace
) -> tuple[str | None, ssl.SSLContext | None]:
    """Return password and TLS context, None for what is not used, both read anew.

    Raises:
        SinkDownError: they cannot be read.
    """

    def read() -> tuple[str | None, ssl.SSLContext | None]:
        password = place.secret(options.password) if options.password else None
        return password, tls_context(options) if options.tls else None

    try:
        return await place.worker.run(read)
    except (OSError, KeyError, ValueError) as error:
        raise down(
            options,
            f"its credentials cannot be read: {error}; check `password`, `ca`, `certificate` "
            "and `key`, and that the service may read them",
        ) from error


def check_pin(options: BrokerOptions, certificate: bytes) -> None:
    """Compare the broker's certificate with the pin, where there is one.

    Raises:
        SinkDownError: it is another, or it is not known.
    """
    if options.pin is not None and not certificate:
        raise down(options, "closed the connection before its certificate could be compared")
    found = hashlib.sha256(certificate).hexdigest()
    if options.pin is not None and found != options.pin:
        raise down(
            options,
            f"shows another certificate (SHA-256 {found}); if it was renewed, correct `pin`",
        )


def client_id(options: BrokerOptions, place: SinkPlace) -> str:
    """Return our name at the broker, the same at each connection."""
    return options.client_id or f"lineside.{place.station.replace('/', '.')}.{place.name}"


def tls_context(options: BrokerOptions) -> ssl.SSLContext:
    """Return how a broker's certificate is checked, and which one is ours.

    Raises:
        CredentialsError: a file cannot be read, or is none.
    """
    try:
        context = ssl.create_default_context(cafile=options.ca)
    except OSError as error:
        raise CredentialsError(f"`ca` {options.ca}: {_why_unread(error)}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.certificate is not None:
        try:
            context.load_cert_chain(options.certificate, options.key, password=_no_phrase)
        except OSError as error:
            files = f"`certificate` {options.certificate}, `key` {options.key}"
            raise CredentialsError(f"{files}: {_why_unread(error)}") from error
    return context


class CredentialsError(OSError):
    """A file that proves who we are, or who the broker is, cannot be used; which one and why."""


def _no_phrase() -> str:
    """Refuse to ask for a pass phrase: OpenSSL would ask whoever sits at the terminal, and wait."""
    raise CredentialsError("the key is encrypted, and nobody is here to open it: store it in clear")


def _why_unread(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return _in_words(error, "no PEM file")
    return error.strerror or str(error)


def _in_words(error: ssl.SSLError, otherwise: str) -> str:
    return (error.reason or otherwise).lower().replace("_", " ")


_DATES = {
    9: "set this machine's clock, which is before the certificate's first day",
    10: "have it renewed, or set this machine's clock, which is past the certificate's last day",
}
"""What to do about dates that do not fit, by OpenSSL's X509_V_ERR number (C09)."""


def _why_not_over_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        cause = error.verify_message.rstrip(".")
        remedy = _DATES.get(error.verify_code, "check `ca` and the host in `url`")
        return f"its certificate is not accepted: {cause}; {remedy}"
    cause = _in_words(error, "failed")
    return not_taken(error) or f"TLS failed: {cause}; check that this is the port for mqtts://"


def why_unreachable(error: OSError) -> str:
    """Return the cause and what to do, the same words each time for the same trouble."""
    if isinstance(error, CredentialsError):
        return str(error)
    if isinstance(error, ssl.SSLError):
        return _why_not_over_tls(error)
    if isinstance(error, socket.gaierror):
        return "the name cannot be resolved; check the host in `url` and the name server"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there; check that the broker runs, and `url`"
    return f"cannot be reached: {error.strerror or error}; check the network and `url`"
