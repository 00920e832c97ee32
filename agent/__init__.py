"""Lineside: sees what passes a machine, binds each unit or lot, and loses nothing."""
