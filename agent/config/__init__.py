"""The station file: read, checked and refused as a whole, by file, line and column (DESIGN 9)."""
