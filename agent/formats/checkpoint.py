"""Signed checkpoints: what is signed, how it is checked, and the keys (Ed25519, RFC 8032).

A `checkpoint_signed` event signs the event right before it. Each event carries the hash of the one
before, so the signature stands for everything up to there: whoever edits, removes, inserts or moves
an event and computes every hash anew still cannot sign the new one (FAULTS X06). The statement is
the canonical JSON (RFC 8785) of

    {"type": "lineside.checkpoint.v1", "station": …, "epoch": …, "seq": …, "hash": …,
     "time": …, "key": …}

with `signed_seq`, `signed_hash` and `signed_at` of the event for the last three but one. To check
one takes this module, or `cryptography` and a canonical JSON of one's own. What proves a whole
stream is `agent.trace.signed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from agent.formats.canonical import canonical
from agent.formats.codec import moment
from drivers.base import HeadSigned, Instant

KIND = "checkpoint_signed"
TYPE = "lineside.checkpoint.v1"
_KEY_ID_LENGTH = 16

Keys = Mapping[str, Ed25519PublicKey]
"""Public keys by their ids."""


class CheckpointKeyError(ValueError):
    """A text is no key of the kind that signs checkpoints; it is not repeated."""


def statement(station: str, epoch: str, signed: Mapping[str, Any]) -> bytes:
    """Return what is signed.

    Args:
        station: The station's path.
        epoch: The epoch of the signed event and of the checkpoint.
        signed: Members `signed_seq`, `signed_hash`, `signed_at` and `key` of the checkpoint.
    """
    return canonical(
        {
            "type": TYPE,
            "station": station,
            "epoch": epoch,
            "seq": signed["signed_seq"],
            "hash": signed["signed_hash"],
            "time": signed["signed_at"],
            "key": signed["key"],
        }
    )


def key_id(key: Ed25519PublicKey) -> str:
    """Return how a checkpoint names a public key: 16 hex digits."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return sha256(raw).hexdigest()[:_KEY_ID_LENGTH]


# ------------------------------------------------------------------ signing


class Signer:
    """Signs for one station with one private key."""

    def __init__(self, station: str, key: Ed25519PrivateKey) -> None:
        self._station = station
        self._key = key
        self.key_id = key_id(key.public_key())

    def sign(self, epoch: str, seq: int, digest: str, now: Instant) -> HeadSigned:
        """Return the signature of an event, as what the core has to record."""
        at = moment(now.wall_ms)
        signed = {"signed_seq": seq, "signed_hash": digest, "signed_at": at, "key": self.key_id}
        return HeadSigned(
            id=f"signature-{epoch}-{seq}",
            device="",
            earliest_ms=now.boot_ms,
            latest_ms=now.boot_ms,
            received=now,
            epoch=epoch,
            seq=seq,
            hash=digest,
            at=at,
            key=self.key_id,
            signature=self._key.sign(statement(self._station, epoch, signed)).hex(),
        )


def make_key() -> tuple[bytes, bytes]:
    """Return a new private key and its public key, both as PEM."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_key(pem: str) -> Ed25519PrivateKey:
    """Return the private key that a text is.

    Raises:
        CheckpointKeyError: it is none.
    """
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CheckpointKeyError("no private key in PEM without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise CheckpointKeyError("a private key, but none of Ed25519")
    return key


# ------------------------------------------------------------------ checking


def public_keys(*pems: bytes) -> Keys:
    """Return public keys by their ids, each from its PEM.

    Raises:
        CheckpointKeyError: one is none.
    """
    found = {}
    for pem in pems:
        try:
            key = load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm):
            raise CheckpointKeyError("no public key in PEM") from None
        if not isinstance(key, Ed25519PublicKey):
            raise CheckpointKeyError("a public key, but none of Ed25519")
        found[key_id(key)] = key
    return found


def fault(checkpoint: Mapping[str, Any], keys: Keys) -> str | None:
    """Return what is wrong with a `checkpoint_signed` event; None: its signature holds.

    Its own hash is not looked at, nor whether its `prev` is the hash of what is before it.
    """
    try:
        if checkpoint["signed_seq"] != checkpoint["seq"] - 1:
            return "it signs another event than the one before it"
        if checkpoint["signed_hash"] != checkpoint["prev"]:
            return "it signs another content than that of the event before it"
        key = keys.get(checkpoint["key"])
        if key is None:
            return f"it is signed by another key, {checkpoint['key']}"
        text = statement(checkpoint["station"], checkpoint["epoch"], checkpoint)
        key.verify(bytes.fromhex(checkpoint["signature"]), text)
    except (InvalidSignature, KeyError, TypeError, ValueError):
        return "its signature does not hold"
    return None
