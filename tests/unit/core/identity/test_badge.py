"""Badges become pseudonyms."""

from agent.core.identity.badge import key_id, pseudonym

KEY = b"demo-key-not-for-use"


def test_vector() -> None:
    """The vector of the rules, with 128 bits kept (D-63)."""
    assert pseudonym(KEY, "4711").startswith("bedb4575d0b25d22")
    assert len(bytes.fromhex(pseudonym(KEY, "4711"))) == 16


def test_key_decides() -> None:
    """Another key gives another pseudonym, and its own name."""
    assert pseudonym(b"other", "4711") != pseudonym(KEY, "4711")
    assert key_id(b"other") != key_id(KEY)
    assert len(key_id(KEY)) == 8
