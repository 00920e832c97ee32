"""Formats: events as others read them. Pure: bytes in, events out, and back."""
