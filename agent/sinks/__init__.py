"""Transports outwards: each confirms or refuses one event after the other, and keeps no queue."""
