"""`lineside certificate`: our own application certificate for OPC UA, made, renewed, shown."""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.app import certificates
from agent.cli import exits

_MOST_DAYS = 20 * 366


def certificate(arguments: Sequence[str]) -> int:
    """Make, renew or show a certificate; return 0, or 1 where that was not to be, or one is due."""
    given = _parser().parse_args(arguments)
    now = certificates.now_utc()
    try:
        if given.action == "make":
            shown = certificates.make(given.path, given.key, given.host, given.days, now)
        elif given.action == "renew":
            shown = certificates.renew(given.path, given.key, given.new, given.days, now)
        else:
            shown = certificates.show(given.path, now)
    except certificates.KeyFileError as error:
        sys.stderr.write(f"lineside certificate: {error}\n")
        return exits.REFUSED
    sys.stdout.write(
        f"{shown.path}: {shown.subject}\n"
        f"  application URI  {shown.uri}\n"
        f"  SHA-256          {shown.fingerprint}\n"
        f"  valid until      {shown.until:%Y-%m-%d} ({shown.days_left} days)\n"
    )
    if given.action != "show":
        sys.stdout.write("next: have the server trust it, by this fingerprint; then name it in\n")
        sys.stdout.write(
            f'  security: {{certificate: "{shown.path.absolute()}", '
            f'key: "file:{given.key.absolute()}"}}\n'
        )
    elif shown.is_due:
        sys.stdout.write("  RENEW IT: `lineside certificate renew`\n")
        return exits.REFUSED
    return exits.OK


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and {_MOST_DAYS}")
    return days


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lineside certificate",
        description="The certificate by which an OPC UA server knows this agent.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    make = actions.add_parser("make", help="make a private key and its certificate")
    make.add_argument("path", type=Path, help="the certificate's file; it must not be there yet")
    make.add_argument("--host", default=socket.gethostname(), help="this machine's name")
    renew = actions.add_parser("renew", help="the same key and names, valid from now on")
    renew.add_argument("path", type=Path, help="the certificate as it is")
    renew.add_argument("new", type=Path, help="the new one's file; it must not be there yet")
    for one in (make, renew):
        one.add_argument("--key", type=Path, required=True, help="the private key's file")
        one.add_argument("--days", type=_days, default=5 * 365, help="how long it is valid")
    show = actions.add_parser("show", help="fingerprint and end; exit code 1 when it is due")
    show.add_argument("path", type=Path, help="a certificate")
    return parser
