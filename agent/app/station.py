"""One station, run after run: journal, engine and publishers of one station file.

Laws:
    1. A run is one epoch. A commit that failed or is in doubt ends it; the journal is opened again
       and the next run begins from what is on disk (PITFALLS S5).
    2. While there is no run the station is not ready, says why, and keeps the scans that come in: a
       reader cannot be asked again. What it cannot keep is told in the next run, by number. Where
       the journal's place takes no writing, its sinks get what can be read of it (meanwhile.py).
    3. Nothing is said to a device before the journal's place is this agent's: where another one
       works, this one does not touch its PLC (FAULTS R04).
    4. A failure is told when it begins and when it is over; the attempts between are counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING

from agent.app.clockwatch import DeviceClocks, watch_clock
from agent.app.commanding import CommandDoor
from agent.app.conceal import KeyMissingError, concealer, known_key, operator_key, person_of
from agent.app.filling import FillingWatch, keep_of
from agent.app.kept import KeptScans
from agent.app.known import with_known
from agent.app.meanwhile import Meanwhile
from agent.app.outlets import Outlets
from agent.app.pulse import Pulse
from agent.app.signing import Checkpoints
from agent.app.status import status_of
from agent.app.surroundings import Surroundings
from agent.app.trouble import Trouble
from agent.backoff import Backoff, apart
from agent.config.loaded import StationConfig
from agent.core import binder
from agent.core.state import Health, Link, NotReady, Reply, SnapshotAsk, State, Working
from agent.engine import Engine, Parts
from agent.formats.json import decode
from agent.journal.chain import seal
from agent.journal.errors import DiskFullError, JournalError, JournalLockedError
from agent.journal.opening import open_held
from agent.journal.place import Lock, make_directory
from agent.journal.remedies import refused
from agent.journal.sqlite import SqliteJournal
from agent.ports import Address, Journal, Recovery, TraceLookup, Worker
from agent.publisher import Condition, Publisher
from agent.seat import Tell
from agent.supervisor import Device
from agent.trace.knowledge import StationLookup
from agent.trace.lookup import LookupStore
from drivers.base import (
    AnyObservation,
    CodeScanned,
    LinkChanged,
    SamplesLost,
    WriteGroup,
)

if TYPE_CHECKING:
    from agent.app.neighbouring import Neighbourhood

REOPEN_FIRST_S, REOPEN_MOST_S = 0.2, 30.0
LOOK_EVERY_S = 1.0
MOST_LISTED = 50
"""Codes named in one line of the log."""
SAY_NOT_READY_S = 0.5
"""How long the PLC gets to be told that the agent stops."""


@dataclass(slots=True)
class _Run:
    """One epoch's parts."""

    engine: Engine
    journal: SqliteJournal
    pulse: Pulse
    before: Address | None = None
    """The newest address before it."""
    publishers: list[Publisher] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    damage_told: int = 0


class StationRun:
    """A station as its devices know it; it outlives its engines."""

    def __init__(self, config: StationConfig, around: Surroundings, tell: Tell) -> None:
        self.config = config
        self.devices: list[Device] = []
        self._around = around
        self._tell = tell
        self._run: _Run | None = None
        self._kept = KeptScans()
        self._newest: Address | None = None
        """The newest event of the runs before that was durable."""
        self._reason = NotReady.STARTING
        self._trouble = Trouble(around.clock, tell)
        self._begun_ms: int | None = None
        self._stop = asyncio.Event()
        self._anew = asyncio.Event()
        """Set: the run is to end in order, and the next one has something to name."""
        self._replies: set[asyncio.Task[None]] = set()
        self._observed = 0
        self.opened = asyncio.Event()
        """Set when the first run has begun, or could not."""
        self.claimed = asyncio.Event()
        """Set while no other agent holds the journal: then the devices are ours to use."""
        self.is_refused = False
        """Whether another agent holds the journal."""
        self._conceal: Callable[[CodeScanned], CodeScanned] | None = None
        self._door: CommandDoor | None = None
        self._told_ready = NotReady.STARTING
        self._outlets = Outlets(config, around, tell, self.offer, self._anew.set)
        self._meanwhile = Meanwhile(self._outlets, around, self.status, tell)
        self._is_unwritable = False
        """Whether the journal's place did not take the last writing that it was asked for."""
        self._remembered = _remembered(config, around, tell)
        self._neighbours = _neighbours(config, around, tell, self.offer)
        self._checkpoints = _checkpoints(config, around, tell)

    # -------------------------------------------------------------- what devices want

    @property
    def name(self) -> str:
        """The station's path."""
        return self.config.station.path

    async def emit(self, observation: AnyObservation) -> None:
        """Take an observation; without a run only scans are kept."""
        self._outlets.see(observation)
        if self._run is None:
            self._keep(observation)
            return
        try:
            await self._run.engine.emit(observation)
        except asyncio.CancelledError:  # its reader is let go of while it waited for room
            self._keep(observation)
            raise

    def offer(self, observation: AnyObservation) -> bool:
        """Take an observation if there is room."""
        self._outlets.see(observation)
        if self._run is None:
            self._keep(observation)
            return True
        return self._run.engine.offer(observation)

    def _keep(self, observation: AnyObservation) -> None:
        if isinstance(observation, CodeScanned) and self.claimed.is_set():
            self._kept.keep(observation, self._conceal)

    def due(self, device: str) -> tuple[WriteGroup, ...]:
        """Return what a device must hold now; without a run only that nobody is ready."""
        if self._run is not None:
            return self._run.engine.due(device)
        if not self.claimed.is_set():
            return ()
        now_ms = self._around.clock.now().boot_ms
        working = Working(links={device: Link(up=True, since_ms=now_ms)})
        health = Health(now_ms=now_ms, reason=self._reason)
        return binder.due(binder.initial(self.config.station), working, health, device).groups

    def where(self, name: str) -> str:
        """Return `file:line:column` of a device, tag or sink."""
        return self.config.where(name)

    # -------------------------------------------------------------- what the engine wants

    def ask(self, ask: SnapshotAsk) -> None:
        """Read a group of a device."""
        for device in self.devices:
            device.ask(self, ask)

    def outputs_changed(self) -> None:
        """Let every device pull its outputs; say at once that the station has become ready."""
        if self._told_ready is not NotReady.READY and self.readiness() is NotReady.READY:
            self._tell_readiness()
        for device in self.devices:
            device.outputs_changed(self)

    def reply(self, reply: Reply) -> None:
        """Tell a reader what became of its code."""
        for device in self.devices:
            if device.is_told(self, reply):
                task = asyncio.get_running_loop().create_task(device.reply(reply))
                self._replies.add(task)
                task.add_done_callback(self._replies.discard)

    @property
    def journal(self) -> Journal | None:
        """The journal of the run, None while there is none."""
        return self._run.journal if self._run else None

    # -------------------------------------------------------------- run after run

    async def run(self) -> None:
        """Run the station until `stop`; begin anew after a failed commit, with back-off."""
        try:
            await self._run_on()
        finally:
            self._tell_unrecorded()
            if self._remembered is not None:
                await self._remembered.close()
            if self._neighbours is not None:
                await self._neighbours.close()

    async def _run_on(self) -> None:
        backoff = Backoff(self._around.clock, self._around.random, REOPEN_FIRST_S, REOPEN_MOST_S)
        while not self._stop.is_set():
            try:
                await apart(self._one_epoch(), f"epoch of {self.name}")
            except JournalLockedError as error:
                self.claimed.clear()
                self.is_refused = True
                self._trouble.came("station_refused", self._place_of("station_refused"), error)
            except KeyMissingError as error:
                self._reason = NotReady.JOURNAL
                self._trouble.came("key_missing", self._place_of("key_missing"), error)
            except JournalError as error:
                self.claimed.set()
                full = isinstance(error, DiskFullError)
                self._reason = NotReady.DISK_FULL if full else NotReady.JOURNAL
                self._trouble.came("journal_failed", self._place_of("journal_failed"), error)
            self.opened.set()
            self.outputs_changed()
            if not self._stop.is_set():
                self._tell_readiness()
                if self._has_held():
                    backoff.reset()
                if not self._is_unwritable or not await self._publish_meanwhile():
                    await self._wait(backoff)

    async def _publish_meanwhile(self) -> bool:
        """Feed the sinks from what can be read; return whether the place takes writing again."""
        return await self._meanwhile.publish(self.name, self._stop)

    def _has_held(self) -> bool:
        """Whether the last run was a good one: else an epoch would begin five times a second."""
        begun_ms, self._begun_ms = self._begun_ms, None
        now_ms = self._around.clock.now().boot_ms
        return begun_ms is not None and now_ms - begun_ms > REOPEN_MOST_S * 1000

    def _place_of(self, event: str) -> str:
        place = self.config.place if event == "key_missing" else self.config.journal.place
        return f"{self.config.file}:{place.line}:{place.column}"

    async def _wait(self, backoff: Backoff) -> None:
        waiting = asyncio.ensure_future(backoff.wait())
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait((waiting, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            stopped.cancel()

    def stop(self) -> None:
        """Let the run end in order."""
        self._reason = NotReady.STOPPING
        self._stop.set()

    async def _one_epoch(self) -> None:
        around, self._is_unwritable = self._around, False
        with ExitStack() as undo:
            lock = self._claimed()
            undo.callback(lock.release)
            if self._conceal is None or self._door is None:
                self._conceal, self._door = self._rules_for_people()
            journal, recovery = await open_held(
                around.journal_path,
                self.name,
                around.journal,
                lock.release,
                keep=keep_of(self.config, self._taken if self._remembered else None),
            )
            undo.pop_all()
        self._meanwhile.bring(journal)
        recovery = self._outlets.orphans.with_untold(with_known(recovery, self._newest))
        run: _Run | None = None
        try:
            pulse = Pulse(journal, around.clock)
            engine = self._engine(journal, recovery, self._conceal, pulse)
            last = recovery.last
            run = _Run(engine, journal, pulse, last.address if last is not None else None)
            await self._begin_threads(run)
            await run.engine.start()
            self._begin(run, recovery)
            await self._serve(run)
        except* JournalError as group:
            raise _first(group) from group
        finally:
            await self._end(journal, run)

    def _claimed(self) -> Lock:
        """Take hold of the journal's place; where no disk takes it, scans are kept all the same.

        Raises:
            JournalLockedError: another process holds it: what comes is that one's.
            JournalError: it cannot be made or written.
        """
        try:
            return self._claim()
        except JournalLockedError:
            raise
        except JournalError:
            self._is_unwritable = True
            if self._conceal is None:
                self._conceal = self._known_concealer()
            raise

    def _known_concealer(self) -> Callable[[CodeScanned], CodeScanned] | None:
        """Return what conceals who is at a reader; None: that needs a key which is not there."""
        around, config, key = self._around, self.config, b""
        if config.operators.mode == "pseudonym":
            known = known_key(config.operators, around.directory, around.secret)
            if known is None:
                return None
            key = known
        return concealer(config.station, config.operators, key)

    def _claim(self) -> Lock:
        """Take hold of the journal's place; from here on the devices are ours to use.

        Raises:
            JournalLockedError: another process holds it.
            JournalError: it cannot be made or written.
        """
        directory = self._around.directory
        try:
            make_directory(directory)
        except OSError as error:
            what, otherwise = "keep the station's state here", "name another place with --state"
            raise refused(directory, what, error, otherwise) from error
        lock = Lock(self._around.journal_path)
        self.is_refused = False
        self.claimed.set()
        return lock

    def _rules_for_people(self) -> tuple[Callable[[CodeScanned], CodeScanned], CommandDoor]:
        """Return what conceals who is at a reader, and who gives a command."""
        around, config = self._around, self.config
        key = b""
        if config.operators.mode == "pseudonym":
            key = operator_key(config.operators, around.directory, around.secret, around.random)
        person = person_of(config.station, config.operators, key)
        conceal = concealer(config.station, config.operators, key)
        people = person, conceal
        door = CommandDoor(config.station, around.directory, around.clock, people, self._tell)
        return conceal, door

    def _engine(
        self,
        journal: SqliteJournal,
        recovery: Recovery,
        conceal: Callable[[CodeScanned], CodeScanned],
        pulse: Pulse,
    ) -> Engine:
        state = _folded(binder.initial(self.config.station), recovery)
        last = recovery.last
        beginning = binder.Beginning(
            epoch=f"{recovery.highest_ordinal + 1:06d}-{self._around.random.token_hex(4)}",
            version=version("lineside"),
            previous_epoch=last.epoch if last else None,
            previous_seq=last.seq if last else None,
            previous_hash=last.hash if last else None,
            lost=recovery.lost,
        )
        parts = Parts(
            clock=self._around.clock,
            journal=journal,
            lookup=self._lookup(journal),
            seal=seal,
            conceal=conceal,
            devices=self,
            trouble=pulse.trouble,
        )
        return Engine(parts, state, beginning)

    def _lookup(self, journal: SqliteJournal) -> TraceLookup:
        """Return who knows of units: the look-up, or for `try` its journal, that nothing prunes."""
        if self._remembered is None:
            return journal
        return StationLookup(
            self._remembered,
            self._around.lookups,
            self.config.station.previous,
            journal,
            self._neighbours.sources if self._neighbours is not None else None,
        )

    def _taken(self) -> Address | None:
        return self._remembered.taken if self._remembered is not None else None

    def _begin(self, run: _Run, recovery: Recovery) -> None:
        """Let the devices see the new run, and what came in while there was none."""
        self._run = run
        self._begun_ms = self._around.clock.now().boot_ms
        self._trouble.is_over(run.engine.durable.epoch)
        if self._outlets.orphans.told(recovery):
            self._anew.clear()
        for epoch, first, last, reason in recovery.lost:
            self._tell("history_lost", epoch=epoch, first=first, last=last, reason=reason)
        if recovery.mark_rebuilt:
            self._tell("mark_rebuilt", hint="the side file was missing; a loss before is unseen")
        self.opened.set()
        for seen in self._kept.take():
            run.engine.offer(seen)
        if lost := self._kept.take_lost():
            self._lost_scans(run.engine, lost)
        for device in self.devices:
            device.show(self)

    def _lost_scans(self, engine: Engine, n: int) -> None:
        """Record how many scans came that could not be kept."""
        reason = "nothing could be recorded, and the scans could not be kept: too many, or no key"
        self._tell("scans_lost", n=n, reason=reason)
        now = self._around.clock.now()
        engine.offer(
            SamplesLost(
                id=self._id("scans"),
                device="",
                earliest_ms=now.boot_ms,
                latest_ms=now.boot_ms,
                received=now,
                tag=None,
                count=n,
                reason=reason,
            )
        )

    def _tell_unrecorded(self) -> None:
        """Say which scans end with the process, as no disk took them: the log is all there is."""
        left = [seen.raw.decode("ascii", "backslashreplace") for seen in self._kept.take()]
        if n := len(left) + self._kept.take_lost():
            reason = "the agent ended before anything could be recorded; scan again what is listed"
            self._tell("scans_lost", n=n, codes=left[:MOST_LISTED], reason=reason)

    def _id(self, what: str) -> str:
        self._observed += 1
        return f"{what}-{self._observed}"

    async def _begin_threads(self, run: _Run) -> None:
        """Begin each thread that the run needs: where one cannot be had no epoch begins (E03)."""
        wanted = self._outlets.workers() if self._around.publish else []
        if self._outlets.figures is not None and wanted:
            wanted.append(self._around.worker("figures"))
        for worker in wanted:
            await worker.run(_nothing)
            run.workers.append(worker)
        if self._remembered is not None:
            await self._remembered.begin()
        if self._neighbours is not None:
            await self._neighbours.begin()

    async def _serve(self, run: _Run) -> None:
        if self._around.publish:
            workers = run.workers[: len(self.config.sinks)]
            run.publishers = self._outlets.publishers(
                run.journal, workers, self.status, self._durable
            )
        async with asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(run.engine.run(), name=f"engine {self.name}")]
            work.append(tasks.create_task(self._look(run), name=f"look {self.name}"))
            stepped = watch_clock(self._around.clock, self._tell, run.engine.emit)
            work.append(tasks.create_task(stepped, name="clock"))
            work.append(tasks.create_task(run.pulse.keep_feeling(), name="pulse"))
            if self._door is not None:
                serving = self._door.serve(run.engine.command)
                work.append(tasks.create_task(serving, name="commands"))
            if self._checkpoints is not None:
                signing = self._checkpoints.keep_signing(run.engine)
                work.append(tasks.create_task(signing, name=f"checkpoints {self.name}"))
            if self._remembered is not None:
                feed = self._remembered.feed(run.journal, run.before)
                work.append(tasks.create_task(feed, name=f"look-up {self.name}"))
            following = self._follow(tasks)
            if self._outlets.figures is not None and run.publishers:
                keeping = self._outlets.figures.keep(run.journal, run.workers[-1])
                work.append(tasks.create_task(keeping, name=f"figures {self.name}"))
            for publisher in run.publishers:
                tasks.create_task(publisher.run(), name=f"publisher {publisher.name}")
            reason = await self._until_over()
            for task in work:
                task.cancel()
            await asyncio.wait(work)
            sign = self._checkpoints.signature() if self._checkpoints is not None else None
            await run.engine.stop(reason, sign, self._kept.take())
            await self._around.clock.sleep(SAY_NOT_READY_S if self.devices else 0)
            for task in following:
                task.cancel()
            await asyncio.gather(*(publisher.close() for publisher in run.publishers))

    async def _until_over(self) -> str:
        """Return why the run is to end in order, once it is."""
        stopped = asyncio.ensure_future(self._stop.wait())
        anew = asyncio.ensure_future(self._anew.wait())
        try:
            await asyncio.wait((stopped, anew), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            anew.cancel()
        if self._stop.is_set():
            return "stopped"
        self._reason = NotReady.STARTING
        return "begun anew"

    def _follow(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Begin to follow the stations of other gateways, where there are any."""
        if self._neighbours is None:
            return []
        return [tasks.create_task(self._neighbours.run(), name=f"neighbours {self.name}")]

    async def _end(self, journal: SqliteJournal, run: _Run | None) -> None:
        self._run = None
        if run is not None:
            self._kept.put_back(await run.engine.close())
            await asyncio.gather(*(publisher.close(within_s=0) for publisher in run.publishers))
        if self._remembered is not None:
            await self._remembered.flush()
        await journal.close()
        self._newest = journal.last or self._newest
        for worker in run.workers if run else ():
            await worker.run(_nothing)  # what it does now may take its time, the loop's it may not
            worker.close()
        await asyncio.gather(*self._replies, return_exceptions=True)

    # -------------------------------------------------------------- life signs

    async def _look(self, run: _Run) -> None:
        """Each second: tell what has changed by time alone."""
        clock, filled = self._around.clock, FillingWatch(self._tell, self._place_of("journal"))
        clocks = DeviceClocks(self._tell, self.where)
        while True:
            await clock.sleep(LOOK_EVERY_S)
            for skipped in filled.look(run.journal.filling, clock.now()):
                await run.engine.emit(skipped)
            await run.engine.look()
            self._tell_readiness()
            self._tell_damage(run)
            clocks.look(run.engine.astray)

    def _tell_damage(self, run: _Run) -> None:
        """Say what reading the journal found not to hold; the next opening records it."""
        found = run.journal.damage
        for epoch, first, last, reason in found[run.damage_told :]:
            self._tell("journal_damaged", epoch=epoch, first=first, last=last, reason=reason)
        run.damage_told = len(found)

    def _tell_readiness(self) -> None:
        """Say once when the station becomes ready or no longer is, to the log and the PLC."""
        reason = self.readiness()
        if reason is not self._told_ready:
            self._told_ready = reason
            is_ready = reason is NotReady.READY
            is_disk = reason in {NotReady.DISK_FULL, NotReady.SLOW_DISK}
            self._tell(
                "ready" if is_ready else "not_ready",
                reason=reason.name.lower(),
                journal=str(self._around.journal_path) if is_disk else None,
            )
            self.outputs_changed()

    def readiness(self) -> NotReady:
        """Return why the station could not record a cycle now, or READY."""
        return self._run.engine.readiness() if self._run else self._reason

    def unknown(self) -> tuple[str, ...]:
        """Return the stations of other gateways of which all is not known now."""
        return self._neighbours.unknown() if self._neighbours is not None else ()

    def status(self) -> Mapping[str, object]:
        """Return what the station does now, for the retained `state`."""
        return status_of(
            self.name,
            self.readiness(),
            self._durable(),
            names_people=self.config.operators.mode == "pseudonym",
            clock=self._around.clock.now().clock_state,
            neighbours=self._neighbours.status() if self._neighbours is not None else (),
            blind=self._outlets.blind,
            unsteady=self._outlets.unsteady,
        )

    def _durable(self) -> State | None:
        return self._run.engine.durable if self._run else None

    def moves(self) -> bool:
        """Whether everything has moved lately, or is in a fault that was told (PITFALLS D1)."""
        if self._run is None:
            return True  # the journal's failure was told, and it is opened again and again
        if not self._run.engine.moves():
            return False
        return all(
            state.condition is not Condition.CONNECTED or state.unacknowledged_s < LOOK_FOR_ACK_S
            for state in (publisher.state() for publisher in self._run.publishers)
        )


LOOK_FOR_ACK_S = 60.0
"""A connected sink that confirms nothing for so long is stuck, and nobody has noticed."""


def _remembered(config: StationConfig, around: Surroundings, tell: Tell) -> LookupStore | None:
    """Return what a station remembers beyond its journal; `try` leaves nothing behind."""
    if not around.publish:
        return None
    store = LookupStore(
        around.directory,
        config.station.path,
        worker=around.worker,
        clock=around.clock,
        keep_s=config.journal.lookup_keep_s,
        tell=tell,
    )
    around.lookups[config.station.path] = store
    return store


def _neighbours(
    config: StationConfig, around: Surroundings, tell: Tell, offer: Callable[[LinkChanged], bool]
) -> Neighbourhood | None:
    """Return the stations of other gateways that a station follows; `try` follows none."""
    wanted = config.neighbours
    if wanted is None or not around.publish:
        return None
    from agent.app.neighbouring import Neighbourhood  # noqa: PLC0415 - loads paho

    return Neighbourhood(config, wanted, around, tell, offer)


def _checkpoints(config: StationConfig, around: Surroundings, tell: Tell) -> Checkpoints | None:
    """Return what signs what is recorded; None where the file asks for nothing."""
    asked = config.checkpoints
    if asked is None:
        return None
    return Checkpoints(config, asked, around.secret, around.clock, tell)


def _nothing() -> None:
    """Do nothing: a job that is done once those before it are."""


def _folded(state: State, recovery: Recovery) -> State:
    for row in recovery.fold:
        state = binder.evolve(state, decode(row.body))
    return state


def _first(group: BaseExceptionGroup[JournalError]) -> JournalError:
    """Return one error of a group: the first commit that failed explains the rest."""
    for error in group.exceptions:
        found = _first(error) if isinstance(error, BaseExceptionGroup) else error
        if found is not None:
            return found
    raise AssertionError("an empty group")
