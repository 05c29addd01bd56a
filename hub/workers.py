"""Replays of many scopes, on all cores: every worker is a process of its own that compiles the rule itself."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import cache
from typing import NamedTuple

from devices.sample import Instant
from hub.catalogue import load_models
from rules import language
from rules.decision import Decision
from rules.program import Program, compile_rule
from rules.replay import History, replay
from rules.subject import Subject

WORTH_IT = 4
"""Fewer scopes than this are done before a second process has started."""


class Found(NamedTuple):
    """What came of replaying one scope."""

    scope: str
    decisions: list[Decision]
    samples: int


def replay_all(
    text: str,
    subjects: Sequence[Subject],
    past_of: Callable[[Subject], History],
    *,
    until: Instant,
    cores: int | None = None,
) -> Iterator[Found]:
    """What a rule, as text, would have decided, scope by scope and in their order; `past_of` is called in this process."""
    cores = min(cores or os.cpu_count() or 1, len(subjects))
    if cores < 2 or len(subjects) < WORTH_IT:
        for subject in subjects:
            yield replay_one(text, subject, past_of(subject), until)
        return
    pool = ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield from _spread(pool, text, subjects, past_of, until, ahead=2 * cores)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def replay_one(text: str, subject: Subject, past: History, until: Instant) -> Found:
    """One scope."""
    replayed = replay(_program(text), subject, past, until=until)
    return Found(replayed.scope, replayed.decisions, replayed.samples)


def _spread(
    pool: ProcessPoolExecutor,
    text: str,
    subjects: Sequence[Subject],
    past_of: Callable[[Subject], History],
    until: Instant,
    *,
    ahead: int,
) -> Iterator[Found]:
    """Keep every worker busy, with no more histories in memory than that takes."""
    waiting: deque[Future[Found]] = deque()
    for subject in subjects:
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
        past = past_of(subject)
        with _uninterrupted():
            waiting.append(pool.submit(replay_one, text, subject, past, until))
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


@cache
def _program(text: str) -> Program:
    return compile_rule(language.read(text, file="rule.yaml").rule, load_models())
