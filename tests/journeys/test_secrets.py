"""X02: whatever a run prints, publishes and keeps, no secret of it is in there (DESIGN 10)."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from agent.app.certificates import make, now_utc
from agent.app.checkpoints import make_key_files, prove_file
from tests.journeys.daemon import child, daemon
from tests.journeys.plants import events, filling, recorded, write
from tests.opcua_plc import Plc
from tests.peers.mosquitto import Mosquitto
from tests.peers.scanner_rig import plugged

STATION = """\
station: test/vault
machine: vault
timezone: Europe/Vienna
operators: {{mode: pseudonym, key: "file:{vault}/operator"}}
checkpoints: {{key: "file:{vault}/checkpoint", every: 1s}}
devices:
  plc: {{driver: modbus, host: 127.0.0.1, port: {port}, address_base: wire, byte_order: ABCD}}
  cell: {{driver: opcua, url: "{cell}", user: agent, password: "file:{vault}/opcua"}}
  safe: {{driver: opcua, url: "{safe}", user: agent, password: "file:{vault}/opcua", timeout: 1s,
         security: {{policy: Basic256Sha256, certificate: "{vault}/tls.pem",
                    key: "file:{vault}/tls", trust: "{vault}/tls.pem"}}}}
  scanner: {{driver: scanner, port: {reader}, framing: {{end: CR}}, keyed: twice}}
tags:
  pieces: {{device: plc, table: holding, address: 0, type: uint32, modulus: 2^32}}
  force: {{device: cell, node: "nsu=urn:acme:press;s=Force"}}
  twin: {{device: safe, node: "nsu=urn:acme:press;s=Force"}}
scans:
  - {{match: {{regex: 'LOT-(?P<lot>\\d+)'}}, means: lot}}
  - {{match: {{regex: 'OP-(?P<operator>\\d{{6}})'}}, means: operator}}
track:
  by: lot
  pair: {{strategy: count-only}}
  counter: {{tag: pieces, max_step: 1000, fastest: 1ms}}
  lot: scan
publish:
  audit: {{sink: file, path: audit.jsonl}}
  plant: {{sink: mqtt, url: "mqtt://127.0.0.1:{broker}", user: agent,
          password: "file:{vault}/mqtt"}}
  other: {{sink: mqtt, url: "mqtt://127.0.0.1:{broker}", user: agent, root: other,
          password: "file:{vault}/wrong"}}
"""

BADGE, FAILED, SPOKEN, KEYED = "OP-493817", "OP-49382", "OP-650214", "OP-730591"
"""A badge that is read, one that is read in part, one that a person gives with a command, one that
is keyed in."""


def secrets(vault: Path) -> dict[str, bytes]:
    """Fill the vault; return the markers by name: what must be nowhere."""
    words = {
        name: f"marker-{name}-{os.urandom(6).hex()}"
        for name in ("operator", "opcua", "mqtt", "wrong")
    }
    for name, word in words.items():
        (vault / name).write_text(word)
    make_key_files(vault / "checkpoint")
    make(vault / "tls.pem", vault / "tls", "gw-7", 365, now_utc())
    inside = {
        name: (vault / name).read_text("ascii").splitlines()[1] for name in ("checkpoint", "tls")
    }
    numbers = {
        "badge": BADGE[3:],
        "failed badge": FAILED[3:],
        "command": SPOKEN[3:],
        "keyed": KEYED[3:],
    }
    return {name: word.encode() for name, word in (words | inside | numbers).items()}


def forms(marker: bytes) -> Iterator[bytes]:
    """Yield a secret as it may stand somewhere: as it is, and as hex (raw codes are hex)."""
    yield marker
    yield marker.hex().encode()


def found(markers: dict[str, bytes], told: dict[str, bytes]) -> list[tuple[str, str]]:
    """Return (secret, where) of each that is in what was told or kept."""
    return [
        (name, where)
        for where, content in told.items()
        for name, marker in markers.items()
        if any(form in content for form in forms(marker))
    ]


async def printed(*command: str) -> bytes:
    """Return what a command prints."""
    async with child(sys.executable, "-m", "agent", *command) as process:
        out, complaints = await process.communicate()
    return out + complaints


async def test_no_secret_is_printed_published_or_kept(tmp_path: Path) -> None:
    """Passwords right and wrong, keys, badges read, half read and given by hand.

    What is kept is for the agent's user alone, whatever the mask under which it was started.
    The search itself is proven: what may be seen, the lot and the operator's pseudonym, is found.
    """
    vault, state = tmp_path / "vault", tmp_path / "state"
    vault.mkdir(mode=0o700)
    markers = secrets(vault)
    passwords = tmp_path / "passwords"
    right = markers["mqtt"].decode()
    async with child("mosquitto_passwd", "-b", "-c", str(passwords), "agent", right) as made:
        assert await made.wait() == 0
    passwords.chmod(0o600)
    locked = ("allow_anonymous false", f"password_file {passwords}")
    async with (
        filling() as filler,
        Plc() as cell,
        Mosquitto(tmp_path, *locked) as broker,
    ):
        with plugged() as scanner:
            file = write(
                tmp_path / "stations" / "vault.yaml",
                STATION,
                vault=vault,
                port=filler.port,
                cell=cell.url,
                safe=cell.url.replace("127.0.0.1", "localhost"),
                reader=scanner.path,
                broker=broker.port,
            )
            async with daemon(file, state) as agent:
                await agent.said("sink_connected", sink="plant")
                await agent.said("sink_down", sink="other")
                await agent.said("link_restored", device="cell")
                await agent.said("link_lost", device="safe")
                await agent.said("link_restored", device="scanner")
                await scanner.send(f"{BADGE}\r".encode())
                signed_on = await recorded(file, state, "operator_signed_on")
                await scanner.send(f"{FAILED}\r".encode())
                await recorded(file, state, "code_refused")
                await scanner.send(b"LOT-4711\r")
                await recorded(file, state, "lot_opened")
                filler.make(3)
                await recorded(file, state, "lot_counted")
                block = ("block-lot", "4712", "--who", SPOKEN, "--reason", "alert")
                spoken = await printed("do", str(file), "--state", str(state), *block)
                await recorded(file, state, "lot_blocked")
                key = ("scan", KEYED, "--again", KEYED, "--who", SPOKEN, "--reason", "torn")
                spoken += await printed("do", str(file), "--state", str(state), *key)
                await recorded(file, state, "checkpoint_signed")
    told = {
        "log": json.dumps(agent.lines).encode() + agent.complaints.encode(),
        "do": spoken,
        "check": await printed("check", str(file)),
        "events": await printed("events", str(file), "--state", str(state), "--limit", "0"),
        "stored events": json.dumps(events(file, state)).encode(),
    }
    readable = [path.name for path in state.rglob("*") if path.stat().st_mode & 0o077]
    assert readable == ["audit.jsonl"]  # a file sink's is for the group as well
    told |= {str(path): path.read_bytes() for path in state.rglob("*") if path.is_file()}
    assert any(path.endswith("journal.db") for path in told)
    assert found(markers, told) == []
    seen = {"lot": b"4711", "pseudonym": signed_on["operator"]["ref"].encode()}
    audit = next(path for path in told if path.endswith("audit.jsonl"))
    assert {(name, audit) for name in seen} <= set(found(seen, told))
    assert spoken.count(b"recorded: ") == 2
    (keyed,) = [event for event in events(file, state) if event.get("entry") == "keyed"]
    assert (keyed["kind"], keyed["means"], "raw" in keyed) == ("code_scanned", "operator", False)
    proof = prove_file(Path(audit), [vault / "checkpoint.pub"])
    assert (proof.is_whole, proof.unsigned) == (True, 0)
