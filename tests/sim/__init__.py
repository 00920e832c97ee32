"""Deterministic simulation: the whole agent, its disk, its devices and its broker in virtual time.

One seed is one run, to the last byte: `python -m tests.sim --seed N --hours H` makes it again.
"""
