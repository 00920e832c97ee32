"""Badges become pseudonyms at the rim, before any store, log or decision (D-63, D-64).

A plain hash of a badge number is reversible, for six digits are a million guesses; a keyed one is
as good as its key. The key is given by reference and never stands in a station file.
"""

from __future__ import annotations

import hashlib
import hmac

_KEPT = 32
"""Hexadecimal digits kept: 128 bits."""
_KEY_ID = 8
_LABEL = b"lineside operator key id"


def pseudonym(key: bytes, badge: str) -> str:
    """Return the reference that stands for a badge.

    Args:
        key: The site's secret.
        badge: The badge as a scan rule gives it: prefix and suffix off, folded if declared.

    >>> pseudonym(b"demo-key-not-for-use", "4711")[:16]
    'bedb4575d0b25d22'
    """
    return hmac.new(key, f"opr:{badge}".encode(), hashlib.sha256).hexdigest()[:_KEPT]


def key_id(key: bytes) -> str:
    """Return a name for the key that tells nothing about it: which key made a pseudonym."""
    return hmac.new(key, _LABEL, hashlib.sha256).hexdigest()[:_KEY_ID]
