"""Much work on all cores, each a process of its own: replays of many scopes, features of many people."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import cache
from typing import Any, NamedTuple, TypeVar

from devices.sample import Instant
from hub.catalogue import load_models
from rules.decision import Decision
from rules.language import Rule
from rules.program import Program, compile_rule
from rules.replay import REMEMBERED, History, replay
from rules.subject import Subject

Outcome = TypeVar("Outcome")

NICENESS = 10
WORTH_IT = 4
"""Fewer calls than this are done before a second process has started."""


class _Asked(NamedTuple):
    """The rule, pickled, and the span that is asked about."""

    rule: bytes
    since: Instant
    until: Instant


class Found(NamedTuple):
    """What came of replaying one scope."""

    scope: str
    decisions: list[Decision]
    samples: int


def replay_all(
    rule: Rule,
    subjects: Sequence[Subject],
    past_of: Callable[[Subject, Instant], History],
    *,
    since: Instant,
    until: Instant,
    cores: int | None = None,
) -> Generator[Found, None, None]:
    """What a rule would have decided had it been put on at `since`, scope by scope and in their order.

    `past_of` gives a scope's history from some time on, from before `since`: a rule that is put on knows what was. It is called
    in this process.
    """
    asked = _Asked(pickle.dumps(rule), since, until)
    work = ((replay_one, (asked, subject, past_of(subject, since - REMEMBERED))) for subject in subjects)
    yield from spread(work, cores=cores, count=len(subjects))


def spread(
    work: Iterable[tuple[Callable[..., Outcome], tuple[Any, ...]]], *, cores: int | None, count: int
) -> Generator[Outcome, None, None]:
    """What comes of calls, in their order, made in other processes if there are many of them (about `count`) and several
    cores (all if `None`); no more arguments are in memory than keep every core busy. `work` is gone through in this process.
    """
    cores = min(cores or os.cpu_count() or 1, count)
    if cores < 2 or count < WORTH_IT:
        for call, arguments in work:
            yield call(*arguments)
        return
    pool = ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn"), initializer=_give_way)
    try:
        yield from _ahead(pool, work, ahead=2 * cores)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def replay_one(asked: _Asked, subject: Subject, past: History) -> Found:
    """One scope."""
    replayed = replay(_program(asked.rule), subject, past, since=asked.since - REMEMBERED, until=asked.until)
    decisions = [each for each in replayed.decisions if each.observed_at >= asked.since]
    return Found(replayed.scope, decisions, replayed.samples)


def _ahead(
    pool: ProcessPoolExecutor, work: Iterable[tuple[Callable[..., Outcome], tuple[Any, ...]]], *, ahead: int
) -> Iterator[Outcome]:
    waiting: deque[Future[Outcome]] = deque()
    for call, arguments in work:
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
        with _uninterrupted():
            waiting.append(pool.submit(call, *arguments))
    while waiting:
        yield waiting.popleft().result()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Workers start in here, and never hear of an interrupt: it is meant for the parent, which ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _give_way() -> None:
    """What happens now goes before what may have happened."""
    os.nice(NICENESS)


@cache
def _program(rule: bytes) -> Program:
    return compile_rule(pickle.loads(rule), load_models())
