"""Identification: from the bytes that a reader sends to an identity, or to the reason why not."""
