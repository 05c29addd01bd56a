"""The five commands, with what they show on the way and say at the end."""

from __future__ import annotations

import argparse
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from rich.console import Console as Terminal
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from simulators import models, recording
from simulators import replay as replaying
from simulators.console import Console, operator_password
from simulators.credentials import Registration
from simulators.crowd import crowd as make_crowd
from simulators.crowding import is_told, tell
from simulators.errors import SimulatorError
from simulators.history import Past, Tally, days_back, publish_past
from simulators.home import Home, Setup
from simulators.load import Load, Outcome, Pace
from simulators.past import local_date
from simulators.publisher import Publisher, now_ms
from simulators.registration import TIMEZONE, register_load, register_wearer
from simulators.replay import Tempo
from simulators.wearers import Course, Wearer, beginning, joon, minji

DRAIN_S = 120.0
GENTLE, GENTLE_REST_S = 15, 1.0
"""How nice a gentle process is to others, and how long it rests between two files."""


def home(options: argparse.Namespace) -> int:
    """Runs until interrupted."""
    setup = Setup(
        api=options.api,
        operator_password=operator_password(options.password_file),
        seed=options.seed,
        speed=options.speed,
        history_days=options.history_days,
        timezone=options.timezone,
        people_passwords=options.people_passwords,
        wait_s=options.wait,
        crowd=options.crowd,
        password_file=options.password_file,
    )
    out = Terminal()
    if options.quiet or not out.is_terminal:
        Home(setup, say=_sayer(out)).run(glance=lambda _line: None)
        return 0
    with Live(console=out, refresh_per_second=4, transient=True) as live:
        Home(setup, say=_sayer(live.console)).run(glance=lambda line: live.update(Text(line)))
    return 0


def history(options: argparse.Namespace) -> int:
    """Publishes a wearer's past."""
    zone, now = ZoneInfo(options.timezone), now_ms()
    if models.load(options.model).role != "watch":
        raise SimulatorError(f"only watches have a past to tell, and {options.model} is none")
    since = options.since or beginning(local_date(now, zone))
    wearer = _wearer(options, since=since, course=options.course)
    registration = _register(options, wearer, model=options.model, acquired_on=since.isoformat())
    past = Past(wearer, options.device, options.seed, zone)
    with Publisher(*registration) as publisher, _progress("days", options.days + 1) as told:
        days = days_back(now, options.days, zone)
        started = now_ms()
        tally = publish_past(publisher, past, days=days, now=now, done=lambda _day: told(None))
        _close(publisher, tally, since=started)
    return 0


def load(options: argparse.Namespace) -> int:
    """Publishes a load and says what became of it."""
    with _operator(options) as console, _progress("registered", options.devices) as told:
        registrations = register_load(
            console, options.devices, home=options.home, owners=options.owners, done=lambda: told(None)
        )
        climber = _climber(console, options) if options.climb else None
    pace = Pace(
        messages=options.messages,
        seconds=options.seconds,
        rate=options.rate,
        batch=options.batch,
        window=options.window,
    )
    credentials = [registration.credential for registration in registrations]
    with _progress("acknowledged", options.messages) as told:
        run = Load(
            registrations[0].broker,
            credentials,
            pace=pace,
            ledger=options.ledger,
            climber=climber.credential if climber else None,
            patience_s=options.patience,
            progress=told,
        )
        try:
            run.run()
        finally:
            told(run.outcome().acknowledged)
            _report(run.outcome())
    return 0


def replay(options: argparse.Namespace) -> int:
    """Publishes a recording."""
    tempo = Tempo(None if options.instant else options.speed)
    recorded = recording.read(options.file, device=options.device, model=models.load("health-watch"))
    if options.shift is None:
        replaying.refuse_future(recorded, now_ms())
    wearer = _wearer(options, since=beginning(local_date(now_ms(), ZoneInfo(TIMEZONE))), course=Course.STEADY)
    registration = _register(options, wearer, model="health-watch")
    with Publisher(*registration) as publisher, _progress("readings", len(recorded.moments)) as told:
        now = started = now_ms()
        moments = replaying.shifted(recorded.moments, replaying.shift_to(now, recorded, tempo) if options.shift else 0)
        tally = replaying.replay(publisher, moments, tempo=tempo, told=told)
        _close(publisher, tally, since=started, skipped=recorded.skipped.total())
    return 0


def crowd(options: argparse.Namespace) -> int:
    """Has the hub import a crowd, unless it is there."""
    if options.gently:
        os.nice(GENTLE)
    with _operator(options) as console:
        if not is_told(console, options.people):
            said = _tell_crowd(console, options)
        elif options.quiet:
            return 0
        else:
            said = f"the crowd of {options.people} is at {options.api} already; nothing was changed"
    _sayer(Terminal())(said)
    return 0


def _tell_crowd(console: Console, options: argparse.Namespace) -> str:
    today = local_date(now_ms(), ZoneInfo(TIMEZONE))
    wearers = make_crowd(options.people, seed=options.seed, today=today)
    began, rest_s = time.monotonic(), GENTLE_REST_S if options.gently else 0.0
    with nullcontext(_heedless) if options.quiet else _progress("people", options.people) as told:
        count = tell(console, wearers, last=today - timedelta(days=1), days=options.days, rest_s=rest_s, told=told)
    return f"{options.people} people with {count} days are at {options.api}, in {time.monotonic() - began:.1f} s"


def _heedless(_so_far: int | None) -> None:
    """Nobody looks."""


def _report(outcome: Outcome) -> None:
    Terminal().print(
        f"published {outcome.published}, acknowledged {outcome.acknowledged} messages in {outcome.seconds:.2f} s: "
        f"{outcome.messages_per_second:.0f} messages/s, {outcome.samples_per_second:.0f} samples/s; "
        f"{outcome.reconnects} reconnects",
        highlight=False,
        soft_wrap=True,
    )


def _wearer(options: argparse.Namespace, *, since: date, course: Course) -> Wearer:
    """The home's own people as they are there, anybody else as an average one."""
    known = {"minji": minji(since), "joon": joon(since)}
    return known.get(options.owner) or Wearer(options.owner, options.birth_year, course=course, since=since)


def _register(
    options: argparse.Namespace, wearer: Wearer, *, model: str, acquired_on: str | None = None
) -> Registration:
    with _operator(options) as console:
        console.ensure_home(options.home, timezone=getattr(options, "timezone", TIMEZONE))
        register_wearer(console, wearer, home=options.home, password=secrets.token_urlsafe(16))
        return console.ensure_device(
            options.device, home=options.home, model=model, owner=wearer.id, acquired_on=acquired_on
        )


def _climber(console: Console, options: argparse.Namespace) -> Registration:
    owner = "load-climber" if options.owners else None
    if owner is not None:
        console.ensure_person(owner, password=secrets.token_urlsafe(16), home=options.home, birth_year=1990)
    return console.ensure_device("load-climb", home=options.home, model="health-watch", owner=owner)


@contextmanager
def _operator(options: argparse.Namespace) -> Iterator[Console]:
    with Console(options.api, password=operator_password(options.password_file)) as console:
        console.sign_in(patience_s=options.wait)
        yield console


@contextmanager
def _progress(what: str, total: float | None) -> Iterator[Callable[[int | None], None]]:
    """A progress bar; what it yields is told how far it is, or `None` for one more."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Terminal(stderr=True)) as bars:
        task = bars.add_task(what, total=total)

        def told(so_far: int | None) -> None:
            if so_far is None:
                bars.advance(task)
            else:
                bars.update(task, completed=so_far)

        yield told


def _close(publisher: Publisher, tally: Tally, *, since: int, skipped: int = 0) -> None:
    """Wait for the last acknowledgements, and say what there was."""
    complete = publisher.drain(DRAIN_S)
    seconds = max((now_ms() - since) / 1000, 0.001)
    left_out = f"; {skipped} values outside the model's ranges left out" if skipped else ""
    Terminal().print(
        f"acknowledged {publisher.acknowledged} messages: {tally.samples} samples, {tally.events} events "
        f"in {seconds:.1f} s, {tally.samples / seconds:.0f} samples/s{left_out}",
        highlight=False,
        soft_wrap=True,
    )
    if not complete:
        raise SimulatorError(f"{publisher.published - publisher.acknowledged} messages were not acknowledged")


def _sayer(out: Terminal) -> Callable[[str], None]:
    return lambda line: out.print(line, highlight=False, soft_wrap=True)
