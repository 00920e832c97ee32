"""`lineside checkpoint`: keys that sign what is recorded, and the proof of what arrived."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.app import checkpoints
from agent.cli import exits


def checkpoint(arguments: Sequence[str]) -> int:
    """Make a key, or prove a file; return 0, or 1 where that was not to be."""
    given = _parser().parse_args(arguments)
    try:
        if given.action == "key":
            return _key(given.path)
        return _prove(given.path, given.public_key)
    except checkpoints.KeyFileError as error:
        sys.stderr.write(f"lineside checkpoint: {error}\n")
        return exits.REFUSED


def _key(path: Path) -> int:
    made = checkpoints.make_key_files(path)
    sys.stdout.write(
        f"{made.private}: the private key, for the gateway alone; in the station file:\n"
        f'  checkpoints: {{key: "file:{made.private.absolute()}"}}\n'
        f"{made.public}: the public key {made.key_id}, for whoever checks\n"
    )
    return exits.OK


def _prove(path: Path, keys: list[Path]) -> int:
    proof = checkpoints.prove_file(path, keys)
    sys.stdout.write(
        f"{path}: station {proof.station or '-'}, {proof.events} events, "
        f"{proof.begins or '-'} to {proof.ends or '-'}\n"
    )
    for finding in proof.findings:
        sys.stdout.write(f"  WRONG {finding.address}: {finding.why}\n")
    for lost in proof.lost:
        sys.stdout.write(f"  lost, and told by the station: {lost}\n")
    if proof.signed_to is None:
        sys.stdout.write("  NOT SIGNED: no signature by these keys holds\n")
    else:
        sys.stdout.write(
            f"  signed {proof.signed_at} up to {proof.signed_to} ({proof.checkpoints} signatures); "
            f"{proof.unsigned} events after it are not signed yet\n"
        )
    first = f", first at {proof.first_bad.address}" if proof.first_bad else ""
    sys.stdout.write("  whole\n" if proof.is_whole else f"  NOT WHOLE{first}\n")
    return exits.OK if proof.is_whole else exits.REFUSED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lineside checkpoint",
        description="Sign what is recorded, and prove what arrived by the public key alone.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    key = actions.add_parser("key", help="make a private key, and its public key beside it (.pub)")
    key.add_argument("path", type=Path, help="the private key's file; it must not be there yet")
    prove = actions.add_parser(
        "prove", help="prove a file of received events: nothing altered, removed, inserted, moved"
    )
    prove.add_argument("path", type=Path, help="one station's events, one JSON a line")
    prove.add_argument(
        "--public-key",
        type=Path,
        action="append",
        required=True,
        metavar="FILE",
        help="the station's public key; several where it was changed",
    )
    return parser
