"""Commands that a person gives by hand: the table, and the way from the word to the event.

Laws:
    1. Every command ends in an event: what was done, or `command_refused` (nothing disappears).
    2. A command says who gives it and why (D-143); without either it is refused.
    3. What it must know is asked, with a deadline; not known in time, it is refused and may be
       given again. Nothing is done on a guess. An answer may lead to further questions (`also`),
       which have a deadline of their own.
    4. One that waits for its look-ups is lost with the run: nobody was told that it is done.

A new command is a row in `TABLE`; `command` has what a row is made of.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation

from agent.core import (
    blocking,
    correcting,
    disassembly,
    exchanging,
    keyed,
    lives,
    lot_commands,
    orders,
    people,
    shipping,
)
from agent.core import events as ev
from agent.core.anew import replace
from agent.core.command import ASKED, Argument, Command, Facts, Names, Refusal, texts
from agent.core.draft import Draft
from agent.core.state import (
    Ask,
    CommandReply,
    ComponentAsk,
    EventAsk,
    LookupAsk,
    PackageAsk,
    Reply,
    WaitingCommand,
    Working,
)
from drivers.base import AskAnswered, CodeScanned, CommandGiven

COMMAND_WITHIN_MS = 5_000
"""How long what a command must know is looked for: a person waits, no machine does."""

_ADDRESS = re.compile(r"[0-9]{1,9}-[0-9a-f]{1,16}-[1-9][0-9]{0,11}")

TABLE: Mapping[str, Command] = {
    **blocking.COMMANDS,
    **exchanging.COMMANDS,
    **lot_commands.COMMANDS,
    **lives.COMMANDS,
    **correcting.COMMANDS,
    **orders.COMMANDS,
    **people.COMMANDS,
    **disassembly.COMMANDS,
    **shipping.COMMANDS,
    **keyed.COMMANDS,
}
"""Every command by its name."""


def given(draft: Draft, seen: CommandGiven) -> None:
    """Carry a command out, or ask what it must know first."""
    wrong = _unfit(seen)
    if wrong is not None:
        _refuse(draft, seen, wrong)
        return
    _go_on(draft, seen, {})


def _go_on(draft: Draft, seen: CommandGiven, facts: Facts) -> None:
    """Ask what is still to be known; where nothing is, carry the command out."""
    asks = dict(_asks(draft, seen, facts))
    if not asks:
        _run(draft, seen, facts)
        return
    draft.asks += asks
    waiting = WaitingCommand(
        given=seen,
        asks={ask.id: about for ask, about in asks.items()},
        until_ms=draft.now_ms + COMMAND_WITHIN_MS,
        facts=facts,
    )
    _set_waiting(draft, {**draft.working.commands, seen.id: waiting})


def answered(draft: Draft, seen: AskAnswered) -> None:
    """Note what a command had asked; with its last answer it is carried out."""
    for waiting in draft.working.commands.values():
        about = waiting.asks.get(seen.ask)
        if about is not None:
            _learnt(draft, waiting, about, seen)


def _learnt(
    draft: Draft, waiting: WaitingCommand, about: tuple[str, str], seen: AskAnswered
) -> None:
    if not seen.known:
        _give_up(draft, waiting)
        return
    left = {ask: each for ask, each in waiting.asks.items() if ask != seen.ask}
    facts = {**waiting.facts, about: seen}
    if left:
        waiting = replace(waiting, asks=left, facts=facts)
        _set_waiting(draft, {**draft.working.commands, waiting.given.id: waiting})
    else:
        _forget(draft, waiting)
        _go_on(draft, waiting.given, facts)


def timer(draft: Draft) -> None:
    """Refuse the commands whose look-ups have not come in time."""
    for waiting in draft.working.commands.values():
        if waiting.until_ms <= draft.now_ms:
            _give_up(draft, waiting)


def deadlines(working: Working) -> Iterable[int]:
    """Return when each command is given up."""
    return [each.until_ms for each in working.commands.values()] if working.commands else ()


def _give_up(draft: Draft, waiting: WaitingCommand) -> None:
    _forget(draft, waiting)
    detail = "what it needs to know could not be looked up in time; give it again"
    _refuse(draft, waiting.given, Refusal(cause=ev.Declined.KNOWLEDGE_MISSING, detail=detail))


def _forget(draft: Draft, waiting: WaitingCommand) -> None:
    commands = draft.working.commands
    _set_waiting(draft, {name: w for name, w in commands.items() if name != waiting.given.id})


def _set_waiting(draft: Draft, commands: Mapping[str, WaitingCommand]) -> None:
    draft.working = replace(draft.working, commands=commands)


# ------------------------------------------------------------------ what is asked


def _asks(draft: Draft, seen: CommandGiven, facts: Facts) -> Iterator[tuple[Ask, tuple[str, str]]]:
    command = TABLE[seen.command]
    wanted = {
        (argument.name, value): argument.names
        for argument in command.arguments
        if argument.is_asked and argument.names in ASKED
        for value in texts(seen, argument.name)
    }
    for about, names in {**wanted, **command.also(draft, seen, facts)}.items():
        if about not in facts:
            yield _ask(draft, names, about[1]), about


def _ask(draft: Draft, names: Names, value: str) -> Ask:
    if names is Names.COMPONENT:
        return ComponentAsk(id=draft.ask_id(), component=value)
    if names is Names.ADDRESS:
        return EventAsk(id=draft.ask_id(), address=value)
    if names is Names.PACKAGE:
        return PackageAsk(id=draft.ask_id(), code=value)
    return LookupAsk(id=draft.ask_id(), unit=value, handshake="")


# ------------------------------------------------------------------ whether it can be understood


def _unfit(seen: CommandGiven) -> Refusal | None:
    """Return what is wrong with a command as such; None: it can be carried out or fail."""
    command = TABLE.get(seen.command)
    if seen.fault is not None:
        return Refusal(cause=ev.Declined.BAD_ARGUMENT, detail=seen.fault)
    if command is None:
        known = ", ".join(TABLE)
        return Refusal(cause=ev.Declined.UNKNOWN_COMMAND, detail=f"there are: {known}")
    if not seen.who:
        return Refusal(cause=ev.Declined.NOBODY, detail="say who gives it")
    if not seen.reason:
        return Refusal(cause=ev.Declined.NO_REASON, detail="say why")
    wrong = _wrong_argument(command, seen)
    return Refusal(cause=ev.Declined.BAD_ARGUMENT, detail=wrong) if wrong else None


def _wrong_argument(command: Command, seen: CommandGiven) -> str | None:
    known = {argument.name for argument in command.arguments}
    for name, _ in seen.arguments:
        if name not in known:
            return f"it takes no '{name}', but {', '.join(sorted(known))}"
    found = (_wrong_values(argument, texts(seen, argument.name)) for argument in command.arguments)
    return next((wrong for wrong in found if wrong is not None), None)


def _wrong_values(argument: Argument, values: tuple[str, ...]) -> str | None:
    if not values and not argument.is_optional:
        return f"'{argument.name}' is missing: {argument.about}"
    if len(values) > 1 and not argument.is_many:
        return f"'{argument.name}' is given {len(values)} times"
    if not all(values):
        return f"'{argument.name}' is empty"
    wrong = [value for value in values if not _ADDRESS.fullmatch(value)]
    if argument.names is Names.ADDRESS and wrong:
        return f"'{argument.name}' is no address such as 000042-9f3a1c7e-17: {wrong[0]}"
    if argument.names is Names.NUMBER and not all(_is_number(value) for value in values):
        return f"'{argument.name}' is no number: {', '.join(values)}"
    return None


def _is_number(value: str) -> bool:
    try:
        return Decimal(value).is_finite()
    except InvalidOperation:
        return False


# ------------------------------------------------------------------ how it ends


def _run(draft: Draft, seen: CommandGiven, facts: Facts) -> None:
    done = TABLE[seen.command].run(draft, seen, facts)
    if isinstance(done, Refusal):
        _refuse(draft, seen, done)
    elif isinstance(done, CodeScanned):
        draft.keyed = done
    else:
        _tell(draft, seen, done.address, None)


def code_taken(draft: Draft, seen: CommandGiven, became: ev.Event | Refusal) -> None:
    """Tell a person what became of the code that was keyed in."""
    if isinstance(became, Refusal):
        _refuse(draft, seen, became)
        return
    why = None
    if isinstance(became, ev.CodeRefused):
        why = f"{became.reason}: {became.detail}" if became.detail else became.reason
    _tell(draft, seen, became.address, why)


def _refuse(draft: Draft, seen: CommandGiven, refusal: Refusal) -> None:
    event = draft.add(
        ev.CommandRefused(
            **draft.head(because=(seen.id,)),
            command=seen.command,
            arguments=seen.arguments,
            cause=refusal.cause,
            detail=refusal.detail,
            who=seen.who,
            reason=seen.reason,
        )
    )
    _tell(draft, seen, event.address, refusal.detail)


def _tell(draft: Draft, seen: CommandGiven, address: str, refused: str | None) -> None:
    """Let the person be told what became of the command, once that is durable.

    Who gave it by a label is told at the reader.
    """
    if seen.device:
        draft.replies.append(Reply(device=seen.device, good=refused is None))
        return
    reply = CommandReply(command=seen.id, address=address, refused=refused)
    draft.command_replies.append(reply)
