"""A code that a person keys in, in the place of a reader that cannot read it (D-85).

Laws:
    1. It is taken only in the place of a reader for which the station file lets codes be keyed.
       Else it is refused, and that is recorded with the code: no scan disappears.
    2. It is judged as if that reader had sent it at the moment at which it was given: the same
       rules and checks, the same cycle. It is as certain as a read one, and marked: its event says
       `entry: keyed`, who keyed it and why.
    3. Where the station file wants it keyed in twice, it is taken only if both are the same: a code
       without a check digit shows no slip of the finger (FAULTS I10).
    4. The person is told what became of it: where its event stands, or why it was not taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agent.core import events as ev
from agent.core.anew import replace
from agent.core.command import Argument, Command, Facts, Names, Refusal, text
from agent.core.draft import Draft
from drivers.base import CodeScanned, CommandGiven


def taken(draft: Draft, given: CommandGiven, _facts: Facts) -> CodeScanned | Refusal:
    """Return the code as the reader would have sent it."""
    readers, reader = draft.station.keyed, text(given, "reader")
    if not readers:
        detail = "no code may be keyed here; `keyed: true` at a scanner in the station file lets it"
        return Refusal(cause=ev.Declined.NOT_ALLOWED, detail=detail)
    listed = ", ".join(readers)
    if reader and reader not in readers:
        detail = f"for '{reader}' no code may be keyed, but for: {listed}"
        return Refusal(cause=ev.Declined.NOT_ALLOWED, detail=detail)
    if not reader and len(readers) > 1:
        detail = f"'reader' is missing: codes may be keyed for {listed}"
        return Refusal(cause=ev.Declined.BAD_ARGUMENT, detail=detail)
    return _as_read(draft, given, reader or readers[0])


def _as_read(draft: Draft, given: CommandGiven, reader: str) -> CodeScanned | Refusal:
    """Return the code as a reader would have sent it, if it was keyed in as it has to be."""
    again = text(given, "again")
    if not again and reader in draft.station.keyed_twice:
        detail = f"'again' is missing: for '{reader}' a code has to be keyed in twice"
    elif again and again != text(given, "code"):
        detail = "the two entries differ; compare them with the label and key it in anew"
    elif given.scan is None:
        detail = "'code' has a character that no reader sends"
    else:
        return replace(given.scan, device=reader)
    return Refusal(cause=ev.Declined.BAD_ARGUMENT, detail=detail)


def outcome(seen: CodeScanned, events: Iterable[ev.Event]) -> ev.Event | Refusal:
    """Return the event of a code that was keyed, by what was concluded from it."""
    for event in events:
        if isinstance(event, ev.CodeScanned | ev.CodeRefused):
            return event
    detail = f"it came from '{seen.device}' a moment ago and counts once; is it on another piece?"
    return Refusal(cause=ev.Declined.ALREADY, detail=detail)


COMMANDS: Mapping[str, Command] = {
    "scan": Command(
        about="key in a code that a reader cannot read; it is judged as one that was read",
        arguments=(
            Argument(name="code", names=Names.KEYED, about="as printed, or as a reader sends it"),
            Argument(
                name="reader",
                about="in whose place; may be left out where codes are keyed for one alone",
                is_optional=True,
            ),
            Argument(
                name="again",
                names=Names.KEYED,
                about="the same code once more, where it has to be keyed in twice",
                is_optional=True,
            ),
        ),
        run=taken,
    ),
}
