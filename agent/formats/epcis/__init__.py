"""EPCIS 2.0 (JSON-LD): what our events are in its words, ids, event hashes, and its rules."""
