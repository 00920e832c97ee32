"""What recorded data says of how it is recorded: the classic mistakes, found afterwards (D-14).

`examine` asks each of `serials`, `scans` and `lots`; each finding has its evidence in numbers. A
share of few is no finding: each rule says how many it wants to have seen.
"""

from __future__ import annotations

from agent.trace.doctor.examining import examine, is_recorded
from agent.trace.doctor.finding import Finding, Mistake, Period, Place

__all__ = ["Finding", "Mistake", "Period", "Place", "examine", "is_recorded"]
