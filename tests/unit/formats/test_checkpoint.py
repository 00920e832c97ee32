"""What is signed, with which keys, and what of it holds."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from agent.formats.checkpoint import (
    CheckpointKeyError,
    Signer,
    fault,
    key_id,
    make_key,
    private_key,
    public_keys,
    statement,
)
from tests.doubles import ManualClock

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
"""RFC 8032 keys are 32 bytes; these are nobody's."""
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
KEYS = public_keys(PUBLIC)
RSA = generate_private_key(65537, 2048)


def checkpoint(**changes: object) -> dict[str, Any]:
    """Return a checkpoint's members as they are stored, some of them changed after signing."""
    seen = Signer("acme/press", KEY).sign("000001-01010101", 6, "ab" * 32, ManualClock().now())
    members = {
        "kind": "checkpoint_signed",
        "station": "acme/press",
        "epoch": seen.epoch,
        "seq": 7,
        "prev": seen.hash,
        "signed_seq": seen.seq,
        "signed_hash": seen.hash,
        "signed_at": seen.at,
        "key": seen.key,
        "signature": seen.signature,
    }
    return members | changes


def test_the_statement_is_public() -> None:
    """These bytes are signed, in every version: who checks may write them without our code."""
    signed = {"signed_seq": 6, "signed_hash": "ab", "signed_at": "2026-11-25T06:00:00.000Z"}
    assert statement("acme/press", "000001-01010101", signed | {"key": "k"}) == (
        b'{"epoch":"000001-01010101","hash":"ab","key":"k","seq":6,"station":"acme/press",'
        b'"time":"2026-11-25T06:00:00.000Z","type":"lineside.checkpoint.v1"}'
    )


def test_the_id_of_a_key_is_public() -> None:
    """It is the beginning of the SHA-256 over the 32 bytes of the public key."""
    assert key_id(KEY.public_key()) == "56475aa75463474c"
    assert list(KEYS) == ["56475aa75463474c"]


def test_a_signature_holds() -> None:
    """What was signed is proven by the public key."""
    assert fault(checkpoint(), KEYS) is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"station": "acme/other"}, "its signature does not hold"),
        ({"epoch": "000002-02020202"}, "its signature does not hold"),
        ({"signed_at": "2026-11-25T06:00:00.001Z"}, "its signature does not hold"),
        ({"signature": "00" * 64}, "its signature does not hold"),
        ({"signature": "no hex"}, "its signature does not hold"),
        ({"signature": None}, "its signature does not hold"),
        ({"seq": 8, "signed_seq": 7}, "its signature does not hold"),
        ({"seq": "7"}, "its signature does not hold"),
        ({"prev": "cd" * 32, "signed_hash": "cd" * 32}, "its signature does not hold"),
        ({"seq": 8}, "it signs another event than the one before it"),
        ({"prev": "cd" * 32}, "it signs another content than that of the event before it"),
        ({"key": "0123456789abcdef"}, "it is signed by another key, 0123456789abcdef"),
    ],
)
def test_whatever_is_changed_is_found(changes: dict[str, object], told: str) -> None:
    """Every member that is signed, and where the checkpoint stands (X06)."""
    assert fault(checkpoint(**changes), KEYS) == told


def test_a_member_that_lacks_is_found() -> None:
    """A checkpoint without its signature is none."""
    members = checkpoint()
    del members["signature"]
    assert fault(members, KEYS) == "its signature does not hold"


def test_made_keys_fit_each_other() -> None:
    """What the one signs, the other proves; the members are plain JSON."""
    private, public = make_key()
    signer = Signer("acme/press", private_key(private.decode()))
    seen = signer.sign("000001-01010101", 6, "ab" * 32, ManualClock().now())
    members = checkpoint(key=seen.key, signature=seen.signature)
    assert json.loads(json.dumps(members)) == members
    assert fault(members, public_keys(public)) is None
    assert fault(members, KEYS) == f"it is signed by another key, {signer.key_id}"
    assert fault(members, public_keys(PUBLIC, public)) is None


def test_another_sort_of_key_is_refused() -> None:
    """The text says what is wrong and repeats nothing of what was given."""
    rsa = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    rsa_public = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(CheckpointKeyError, match=r"^no private key in PEM without a password$"):
        private_key("s3cret")
    with pytest.raises(CheckpointKeyError, match=r"^a private key, but none of Ed25519$"):
        private_key(rsa)
    with pytest.raises(CheckpointKeyError, match=r"^no public key in PEM$"):
        public_keys(b"s3cret")
    with pytest.raises(CheckpointKeyError, match=r"^a public key, but none of Ed25519$"):
        public_keys(rsa_public)
