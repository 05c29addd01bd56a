"""Homes, people and devices as the simulators need them, made through the API. Again changes nothing but tokens."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from simulators.console import Console
from simulators.credentials import Registration
from simulators.errors import SimulatorError
from simulators.wearers import Wearer

TIMEZONE = "Asia/Seoul"
AT_ONCE = 8
LOAD_HOME = "load-home"


class Thing(NamedTuple):
    """A device of the demo home."""

    device: str
    model: str
    owner: str | None = None


HOME = "maru-home"
COMPARED = "peers"
"""The purpose for which people are compared with others."""
THINGS = (
    Thing("minji-watch", "health-watch", "minji"),
    Thing("joon-watch", "health-watch", "joon"),
    Thing("minji-band", "wristband", "minji"),
    Thing("kitchen-fridge", "food-styler"),
    Thing("washer", "washer"),
    Thing("dryer", "dryer"),
    Thing("styler", "clothing-styler"),
)


def passwords(people: tuple[str, ...], file: Path | None) -> dict[str, str]:
    """Passwords of people: those in `file`, and new ones, kept there (0600) if a file is given."""
    known = _kept(file) if file is not None and file.exists() else {}
    wanted = {person: known.get(person) or secrets.token_urlsafe(12) for person in people}
    if file is not None and wanted != known:
        _keep(file, {**known, **wanted})
    return wanted


def register_wearer(console: Console, wearer: Wearer, *, home: str, password: str) -> bool:
    """Have the wearer exist as a person; whether they are new."""
    return console.ensure_person(
        wearer.id,
        password=password,
        home=home,
        name=wearer.id.replace("-", " ").title(),
        birth_year=wearer.birth_year,
        sex=wearer.sex,
        height_cm=wearer.height_cm,
    )


def register_household(
    console: Console, wearers: tuple[Wearer, ...], *, secret: dict[str, str], acquired_on: date, timezone: str
) -> dict[str, Registration]:
    """The demo home: its people and its seven devices."""
    console.ensure_home(HOME, name="Maru", timezone=timezone)
    for wearer in wearers:
        if register_wearer(console, wearer, home=HOME, password=secret[wearer.id]):
            with console.as_person(wearer.id, secret[wearer.id]) as own:
                own.allow(COMPARED)
    return {
        thing.device: console.ensure_device(
            thing.device, home=HOME, model=thing.model, owner=thing.owner, acquired_on=acquired_on.isoformat()
        )
        for thing in THINGS
    }


def register_load(
    console: Console, count: int, *, home: str, owners: bool, done: Callable[[], None]
) -> list[Registration]:
    """Watches `load-00001`, ... and, with `owners`, a person for each; `done` is told after each."""

    def register(number: int) -> Registration:
        owner = f"load-person-{number:05}" if owners else None
        if owner is not None:
            console.ensure_person(owner, password=secrets.token_urlsafe(16), home=home, birth_year=1990)
        registration = console.ensure_device(f"load-{number:05}", home=home, model="health-watch", owner=owner)
        done()
        return registration

    console.ensure_home(home, name="Load", timezone=TIMEZONE)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(register, number) for number in range(1, count + 1)]
        try:
            return [future.result() for future in futures]
        except (SimulatorError, KeyboardInterrupt):
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class Known(NamedTuple):
    """What the hub holds of a wearer: days with steps, and the highest of today's steps, metres and kcal."""

    days: frozenset[date]
    today: tuple[float, float, float]


NOTHING = Known(frozenset(), (0.0, 0.0, 0.0))


def known_to_hub(console: Console, person: str, *, since: datetime, today: datetime, now: datetime) -> Known:
    """Ask as the person themselves; `NOTHING` if they or the hub cannot. Days are those of `now`'s zone."""
    try:
        console.sign_in()
        days = frozenset(at.astimezone(now.tzinfo).date() for at, _ in _daily(console, person, "steps", (since, now)))
        steps, metres, kcal = (
            max((value for _, value in _daily(console, person, metric, (today, now))), default=0.0)
            for metric in ("steps", "distance", "energy")
        )
    except SimulatorError:
        return NOTHING
    return Known(days, (steps, metres, kcal))


def _daily(
    console: Console, person: str, metric: str, span: tuple[datetime, datetime]
) -> Iterator[tuple[datetime, float]]:
    start, end = span
    query = {"from": start.isoformat(), "to": end.isoformat(), "every": "P1D", "agg": "max"}
    for item in console.series(person, metric, **query):
        at, value = item.get("at"), item.get("value")
        if isinstance(at, str) and isinstance(value, int | float):
            yield datetime.fromisoformat(at), float(value)


def _kept(file: Path) -> dict[str, str]:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SimulatorError(f"{file} does not hold passwords as a JSON object") from error
    if not isinstance(kept, dict) or not all(isinstance(secret, str) for secret in kept.values()):
        raise SimulatorError(f"{file} does not hold passwords as a JSON object")
    return kept


def _keep(file: Path, secret: dict[str, str]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            os.fchmod(out.fileno(), 0o600)
            json.dump(secret, out, indent=2)
    except OSError as error:
        raise SimulatorError(f"{file} cannot be written: {error.strerror}") from error
