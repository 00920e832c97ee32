"""The pure core: what a station concludes from what it sees. No I/O, no clock, no asyncio."""
