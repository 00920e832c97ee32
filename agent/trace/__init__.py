"""What is known beyond a station's state: of units, for the interlock; of what was in what."""
