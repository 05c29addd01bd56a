"""The pipeline: the way of a message from the inbox to its acknowledgement. Data only moves forward.

    decode ─▶ permit ─▶ store ─▶ twins ─▶ rules ─▶ record ─▶ send
                                                       └─▶ sync ─▶ acknowledge

One thread runs it, and owns twins and rule state, so there are no locks. Each step takes the whole batch. A crash anywhere
leads to redelivery, and redelivery to the same state.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from itertools import islice, takewhile
from typing import TYPE_CHECKING, TypeVar, cast

import structlog

from devices import twin
from devices.errors import StoreUnavailable
from devices.sample import SECOND, Event, Instant, Reject, Sample
from hub.acknowledger import Acknowledger
from hub.arrivals import Arrivals
from hub.decoder import Decoder, Intake, refusal
from hub.effects import effects_of
from hub.inbox import Inbox, Wish
from hub.insistence import Insistence, Stopped
from hub.metrics import Metrics
from hub.records import Records
from hub.registry import Entry, Registry
from hub.snapshots import Snapshots
from hub.store.consents import Consent, Decided
from hub.store.ledger import Recorded, Tick, Turn
from hub.telemetry import Change, Stored, TelemetryStore
from rules.cell import Running
from rules.decision import Decision
from rules.engine import Engine
from rules.subject import Subject
from rules.view import OFFLINE

if TYPE_CHECKING:
    from hub.bridge import Bridge
    from hub.wire import Inbound

log = structlog.get_logger()
Outcome = TypeVar("Outcome")

IDLE = 0.2
PATIENCE = 30.0
"""Seconds that somebody who asks the pipeline waits for its answer."""
GRACE: Instant = SECOND
"""How long a sample may take from the device to here before the clock alone decides without it."""
CATCH_UP_CHUNK = 10_000
BEGIN_CHUNK = 100
"""So many people are begun with in one wish: some 20 ms."""


class Observer:
    """Who wants to hear what the pipeline did; by default nobody does. Called in the pipeline's thread."""

    def recorded(self, recorded: Recorded) -> None:
        """Decisions, commands and answers are on record."""

    def stored(self, events: Sequence[Event], touched: Iterable[str]) -> None:
        """These events are new, and the twins of these devices changed."""

    def status_reported(self, entry: Entry, *, online: bool, at: Instant) -> None:
        """A device said whether it is there."""

    def may_be_online(self, entry: Entry) -> bool:  # noqa: ARG002
        """Whether a device that says it is there may be: what it said last can arrive after it has gone."""
        return True


class Pipeline:
    """Takes batches from the inbox until it is stopped."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        registry: Registry,
        telemetry: TelemetryStore,
        records: Records,
        snapshots: Snapshots,
        metrics: Metrics,
    ) -> None:
        self._inbox, self._registry, self._telemetry = inbox, registry, telemetry
        self._records, self._ledger, self._metrics = records, records.ledger, metrics
        self._snapshots, self._engine = snapshots, snapshots.engine
        self.observer = Observer()
        self.begun_anew: list[Running] = []
        """The rules of which catching up found no state that it could read, and which it has put aside."""
        self._arrivals = Arrivals(self._ledger.arrivals())
        self._decoder = Decoder(registry, self._arrivals, metrics, may_be_online=self._may_be_online)
        self._stopping = threading.Event()
        self._insist = Insistence(metrics, self._stopping)
        self._syncing = Insistence(metrics, self._stopping)
        self._acknowledger = Acknowledger(telemetry.sync, self._syncing)
        self._thread = threading.Thread(target=self._run, name="pipeline", daemon=True)

    def start(self, bridge: Bridge) -> None:
        """Begin to take batches; what they hold is acknowledged over `bridge`."""
        self._acknowledger.start(bridge)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the pipeline's thread runs."""
        return self._thread.is_alive()

    @property
    def trouble(self) -> str | None:
        """Why nothing goes on; `None` if all does."""
        return self._insist.trouble or self._syncing.trouble or self._telemetry.trouble()

    def stop(self) -> None:
        """Take what is in the inbox, acknowledge it, then end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self._acknowledger.stop()

    def wish(self, wish: Wish, *, behind: bool = False) -> None:
        """Have something done in the pipeline's thread, before the messages that wait or `behind` them."""
        self._inbox.put_wish(wish, behind=behind)

    def ask(self, do: Callable[[], Outcome]) -> Outcome:
        """Have something done in the pipeline's thread, in its turn, and wait for what comes of it.

        Raises what it raises, and `StoreUnavailable` if its turn did not come in time; it is still done when it comes.
        """
        if not self.alive or threading.current_thread() is self._thread:
            return do()
        answer: Future[Outcome] = Future()
        self.wish(lambda: _answer(answer, do))
        try:
            return answer.result(timeout=PATIENCE)
        except TimeoutError as error:
            raise StoreUnavailable(self.trouble or f"the hub is busy: not done after {PATIENCE:.0f} s") from error

    def place(self) -> int:
        """The place of the newest change that is stored, durably: what is put on record with it finds it again."""
        self._acknowledger.settle()
        return self._telemetry.last_seq()

    def bring_up(self, engine: Engine, seq: int) -> None:
        """Feed an engine what was stored after a place; what it decides about that is left alone. In the pipeline's thread."""
        engine.feed((each.change for each in self._telemetry.since(seq)), surroundings=self._registry, now=_now())

    def forget_routes(self) -> None:
        """Devices have changed: look up anew where topics lead."""
        self._decoder.forget_routes()

    def catch_up(self) -> int:
        """Before anything else: step the rules with what was stored since their last snapshot; how much that was.

        Decisions that a crash kept from being recorded are recorded now; those that were, are there already.
        """
        loaded = self._snapshots.load(self._telemetry.last_seq())
        self.begun_anew = [gone for key in sorted(loaded.missing) if (gone := self._engine.drop(key)) is not None]
        count = 0
        ticks = deque(self._ledger.ticks(loaded.since))
        if (standing := self._records.standing_before(ticks)) is not None:
            self._registry.put_consents(standing)  # each of the later ones is heeded again in its place
        stored = self._telemetry.since(loaded.since)
        while chunk := list(islice(stored, CATCH_UP_CHUNK)):
            count += len(chunk)
            for part in _between(chunk, ticks):
                decisions = self._tick(part) if isinstance(part, Tick) else self._feed_again(part, loaded.known)
                if turn := self._follow(decisions):
                    self._ledger.commit(turn, now=_now())
        for tick in ticks:
            if turn := self._follow(self._tick(tick)):
                self._ledger.commit(turn, now=_now())
        self.save_last_snapshot()
        return count

    def let_time_pass(self) -> None:
        """Decide what is due though nothing happened. What that moved is on record, to be done again after a crash."""
        self.wish(self._let_time_pass, behind=True)

    def _let_time_pass(self) -> None:
        until = _now() - GRACE
        moved, decisions = self._engine.tick(until, surroundings=self._registry, now=_now())
        if moved:
            tick = Tick(self.place(), until)
            recorded = self._record(replace(self._follow(decisions), ticks=[tick]))
            self.observer.recorded(recorded)

    def _tick(self, tick: Tick) -> list[Decision]:
        if tick.scope:
            self._begin(tick)
            return []
        with self._engine.again(tick.seq):
            if tick.consent:
                self._heed(self._records.consents.decision(tick.consent))
                return []
            return self._engine.tick(tick.until, surroundings=self._registry, now=_now())[1]

    def _feed_again(self, stored: Sequence[Stored], known: int) -> list[Decision]:
        """Feed what was stored; up to the place `known` some of the cells know it."""
        decisions: list[Decision] = []
        for each in takewhile(lambda each: each.seq <= known, stored):
            with self._engine.again(each.seq):
                decisions += self._decide([each.change])
        return decisions + self._decide([each.change for each in stored if each.seq > known])

    def begin(self, kind: str, subject: Subject) -> None:
        """Somebody became known: rules that go by the clock begin for them now, and after a crash will have. In its thread."""
        self._begin_all(kind, [subject.id])

    def begin_all(self, people: Sequence[str]) -> None:
        """The same for many people, some at a time, so that nobody's messages wait for all of them. In any thread."""
        for first in range(0, len(people), BEGIN_CHUNK):
            self.wish(partial(self._begin_all, "person", people[first : first + BEGIN_CHUNK]))

    def _begin_all(self, kind: str, scopes: Sequence[str]) -> None:
        place = self.place()
        ticks = [Tick(place, _now(), kind, scope) for scope in scopes]
        if begun := [tick for tick in ticks if self._begin(tick)]:
            with contextlib.suppress(StoreUnavailable):
                self._ledger.commit(Turn(ticks=begun), now=_now())

    def _begin(self, tick: Tick) -> bool:
        subject = self._registry.subject(tick.kind, tick.scope)
        return subject is not None and self._engine.begin(tick.kind, subject, at=tick.until)

    def decide(self, consent: Consent) -> Decided | None:
        """Somebody allows a purpose or takes it back: on record in its place among what devices say, and in force. In its
        thread. `None` if it changes nothing; raises `NotFound`."""
        decided = self._records.consents.decide(consent, place=self.place())
        if decided is not None:
            self._heed(consent)
        return decided

    def _heed(self, consent: Consent) -> None:
        person = self._registry.subjects.get(consent.person)
        self._registry.grant(consent.person, consent.purpose, granted=consent.granted, at=consent.at)
        self._engine.forget(consent.person, consent.purpose)
        if consent.granted and person is not None:
            self._engine.begin("person", person, at=consent.at)

    def take_snapshot(self) -> None:
        """Begin to keep what the rules remember, in turn with what they are fed: a little after every turn."""
        self.wish(lambda: self._snapshots.begin(self._telemetry.last_seq()))

    def keep_snapshot(self) -> None:
        """Keep the snapshot that was taken, if there is one, and forget the ticks that are in it; later, while the stores cannot
        be written: whoever keeps it has other things to do. In any thread."""
        if self.trouble is not None:
            return
        with contextlib.suppress(Stopped):
            if (seq := self._snapshots.keep(self._acknowledger.settle)) is not None:
                self._ledger.forget_ticks(seq)

    def save_last_snapshot(self) -> None:
        """Keep what the rules remember at once: in the pipeline's thread, or while there is none."""
        seq = self.place()
        self._snapshots.save(seq)
        self._ledger.forget_ticks(seq + 1)

    def _may_be_online(self, entry: Entry) -> bool:
        return self.observer.may_be_online(entry)

    def _run(self) -> None:
        with contextlib.suppress(Stopped):
            while not (self._run_once() and self._stopping.is_set()):
                pass

    def _run_once(self) -> bool:
        """Take one batch; whether there was none."""
        batch = self._inbox.take(timeout=0 if self._snapshots.taking else IDLE)
        if batch.messages:
            self._turn(batch.messages)
        if batch.wish is not None:
            self._fulfil(batch.wish)
        if self._snapshots.taking:
            self._snapshots.advance(self._telemetry.last_seq())
        return not batch.messages and batch.wish is None

    def _fulfil(self, wish: Wish) -> None:
        try:
            wish()
        except Stopped:
            raise
        except StoreUnavailable as error:
            log.warning("wish_failed", reason=str(error))
        except Exception:  # a wish that breaks must not end the pipeline either
            log.exception("wish_failed")

    def _turn(self, messages: Sequence[Inbound]) -> None:
        """Take a batch; should it break the pipeline, each message by itself, so that only the one that does is set aside."""
        began = time.perf_counter()
        try:
            self._take(messages)
        except Stopped:
            raise
        except Exception:  # whatever one message does, the others must get through
            log.exception("turn_failed", messages=len(messages))
            if len(messages) > 1:
                for message in messages:
                    self._turn([message])
                return
            refused = refusal(messages[0], None, Reject("internal", "the hub could not handle this message"))
            self._record(Turn(refusals=[refused]))
            self._acknowledger.owe(messages)
        self._metrics.turn.observe(time.perf_counter() - began)
        self._metrics.batch.observe(len(messages))

    def _take(self, messages: Sequence[Inbound]) -> None:
        intake = self._decoder.decode(messages)
        self._note_gone(intake)
        if arrivals := self._arrivals.take_fresh():
            self._insist(lambda: self._ledger.record_arrivals(arrivals))
        fresh = self._insist(lambda: self._telemetry.append(intake.changes)) if intake.changes else []
        events = [change for change in fresh if type(change) is Event] if intake.events else []
        samples = [change for change in fresh if type(change) is Sample] if events else cast(Sequence[Sample], fresh)
        touched = self._apply(samples, events, intake)
        turn = replace(self._follow(self._decide(fresh)), results=intake.results, refusals=intake.refusals)
        recorded = self._record(turn)
        self._acknowledger.owe(messages)
        if turn:
            self.observer.recorded(recorded)
        self._tell(intake, events, touched, stored=len(fresh))

    def _note_gone(self, intake: Intake) -> None:
        """That a device says it is gone is an event, once: rules know nothing of it from then on."""
        for entry, online, at in intake.statuses:
            if not online and self._registry.twins[entry.id].online is not False:
                intake.changes.append(Event(entry.id, f"{OFFLINE}-{at}", OFFLINE, at, {}))
                intake.events = True

    def _apply(self, samples: Sequence[Sample], events: Sequence[Event], intake: Intake) -> set[str]:
        """Bring the twins up to date; whose changed."""
        twins, now = self._registry.twins, _now()
        touched = twin.apply(twins, samples)
        for source in touched.union(event.source for event in events):
            twins[source].seen(now)
        for entry, online, at in intake.statuses:
            twins[entry.id].report_status(online=online)
            if online:
                twins[entry.id].seen(at)
        return touched

    def _decide(self, changes: Sequence[Change]) -> list[Decision]:
        return self._engine.feed(changes, surroundings=self._registry, now=_now())

    def _follow(self, decisions: Sequence[Decision]) -> Turn:
        """What decisions lead to; events that rules published are stored as others are, under ids that they always have."""
        if not decisions:
            return Turn()
        effects = effects_of(decisions, self._registry)
        if events := effects.events:
            self._insist(lambda: self._telemetry.append(events))
        return Turn(
            effects.decisions,
            effects.commands,
            deliveries=effects.deliveries,
            traits=effects.traits,
            recommendations=self._insist(lambda: self._records.recommender.of(decisions)),
        )

    def _record(self, turn: Turn) -> Recorded:
        return self._insist(lambda: self._ledger.commit(turn, now=_now())) if turn else Recorded()

    def _tell(self, intake: Intake, events: Sequence[Event], touched: set[str], *, stored: int) -> None:
        """Count, and let the observer know."""
        self._metrics.samples.inc(stored - len(events))
        self._metrics.events.inc(len(events))
        self._metrics.repeats.inc(len(intake.changes) - stored)
        self._metrics.unpermitted.inc(intake.unpermitted)
        for refused in intake.refusals:
            self._metrics.quarantined.labels(refused.code).inc()
        self.observer.stored(events, touched)
        for entry, online, at in intake.statuses:
            self.observer.status_reported(entry, online=online, at=at)


def _now() -> Instant:
    return time.time_ns() // 1_000_000


def _answer(answer: Future[Outcome], do: Callable[[], Outcome]) -> None:
    try:
        answer.set_result(do())
    except Exception as error:  # noqa: BLE001  (whoever asked has it raised)
        answer.set_exception(error)


def _between(stored: Sequence[Stored], ticks: deque[Tick]) -> Iterator[list[Stored] | Tick]:
    """Stored changes with the ticks that came between them, in the order in which they were met."""
    part: list[Stored] = []
    for each in stored:
        while ticks and ticks[0].seq < each.seq:
            yield part
            part = []
            yield ticks.popleft()
        part.append(each)
    yield part
