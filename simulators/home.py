"""The demo home, live: two people, their watches and a wristband, and the appliances around them."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from devices.sample import SECOND, Instant
from simulators import appliances, models
from simulators.appliances import Happened
from simulators.boards import share_board
from simulators.chores import Band, Chores, Fixture, Pretender
from simulators.commands import Obey
from simulators.console import Console
from simulators.credentials import Registration
from simulators.fridge import Fridge
from simulators.history import Past, days_back, publish_past
from simulators.past import local_date, midnight
from simulators.physiology import Body
from simulators.publisher import Publisher, now_ms
from simulators.registration import NOTHING, THINGS, Known, known_to_hub, passwords, register_household
from simulators.watch import Errands, Outing, Story, Watch
from simulators.wearers import Wearer, beginning, form_on, joon, minji

TICK_S = 0.25
CROWD_SEED = 7
PATIENCE_S = 300.0
"""How long Minji runs on above her limit if no alarm sounds, in real seconds."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What `home` was asked for. `speed` is how much faster than real time bodies and machines are."""

    api: str
    operator_password: str
    seed: int = 1
    speed: float = 1.0
    history_days: int = 150
    timezone: str = "Asia/Seoul"
    people_passwords: Path | None = None
    wait_s: float = 0.0
    crowd: int = 0
    password_file: Path | None = None


class Household:
    """The simulated devices of the home. Commands and the passing of time take turns; neither publishes in its turn."""

    def __init__(self, wearers: tuple[Wearer, ...], *, setup: Setup, now: Instant) -> None:
        zone = self._zone = ZoneInfo(setup.timezone)
        seed, today = setup.seed, local_date(now, zone)
        self._turn = threading.Lock()
        self._speed = setup.speed
        stories: tuple[Story, ...] = (Outing(patience_s=PATIENCE_S * setup.speed), Errands(seed=f"{seed}/errands"))
        self.watches = tuple(
            Watch(f"{wearer.id}-watch", Body(form_on(wearer, today), seed=f"{seed}/{wearer.id}"), story, zone=zone)
            for wearer, story in zip(wearers, stories, strict=True)
        )
        self.washer, self.dryer = appliances.washer(f"{seed}/washer"), appliances.dryer(f"{seed}/dryer")
        self.styler = appliances.Styler(seed=f"{seed}/styler")
        self.fridge = Fridge(seed=f"{seed}/fridge", today=today)
        self._chores = Chores(self.washer, self.dryer, self.styler, seed=f"{seed}/chores")
        pretenders: tuple[Pretender, ...] = (*self.watches, *self._fixtures())
        self.pretenders = {pretender.device: pretender for pretender in pretenders}

    def obey(self, device: str) -> Obey:
        """How a device executes commands."""

        def take_turn(type_: str, args: dict[str, Any]) -> str | None:
            with self._turn:
                return self.pretenders[device].obey(type_, args)

        return take_turn

    def advance(self, now: Instant, seconds: float, *, publishers: dict[str, Publisher]) -> None:
        """Let real `seconds` pass, and publish what there is to say."""
        passed = seconds * self._speed
        with self._turn:
            self._chores.advance(passed)
            said = [(name, pretender.advance(now, passed)) for name, pretender in self.pretenders.items()]
        for device, moments in said:
            for moment in moments:
                publishers[device].say(moment)

    def glance(self) -> str:
        """The home in one line."""
        people = "  ".join(
            f"{watch.device.removesuffix('-watch').title()} {watch.body.heart_rate}/min {watch.phase} {watch.message}"
            for watch in self.watches
        )
        fridge = self.fridge.values()
        states = {"washer": self.washer.values(), "dryer": self.dryer.values(), "styler": self.styler.values()}
        machines = "  ".join(f"{name} {values['cycle_state']}" for name, values in states.items())
        return f"{people}  fridge {fridge['inside_temperature']} °C {fridge['door']}  {machines}"

    def _fixtures(self) -> tuple[Fixture, ...]:
        band, fridge = Band(), self.fridge
        washer, dryer, styler = self.washer, self.dryer, self.styler
        return (
            Fixture("minji-band", obey=band.obey, live=band.live, values=band.values),
            Fixture("kitchen-fridge", obey=fridge.obey, live=self._keep_food, values=fridge.values),
            Fixture("washer", obey=washer.obey, live=washer.advance, values=washer.values),
            Fixture("dryer", obey=dryer.obey, live=dryer.advance, values=dryer.values),
            Fixture("styler", obey=styler.obey, live=styler.advance, values=styler.values),
        )

    def _keep_food(self, seconds: float) -> list[Happened]:
        return self.fridge.advance(seconds, local_date(now_ms(), self._zone))


class Home:
    """The household, registered and connected. `open` it, and `run` it until interrupted."""

    def __init__(self, setup: Setup, *, say: Callable[[str], None]) -> None:
        self._setup = setup
        self._say = say
        self._zone = ZoneInfo(setup.timezone)
        self._stop = threading.Event()

    def run(self, *, glance: Callable[[str], None]) -> None:
        """Publish until interrupted; `glance` is given the home in one line now and then."""
        now = now_ms()
        since = beginning(local_date(now, self._zone))
        wearers = (minji(since), joon(since))
        secret = passwords(tuple(wearer.id for wearer in wearers), self._setup.people_passwords)
        registrations = self._register(wearers, secret, since)
        self._share_board(wearers, secret)
        known = {wearer.id: self._known(wearer, secret, now) for wearer in wearers}
        household = Household(wearers, setup=self._setup, now=now)
        with ExitStack() as stack:
            publishers = {
                thing.device: stack.enter_context(self._publisher(thing.device, thing.model, registrations, household))
                for thing in THINGS
            }
            stack.callback(self._stop.set)
            if self._setup.crowd:
                stack.callback(self._gather_crowd().terminate)
            for wearer, watch in zip(wearers, household.watches, strict=True):
                self._tell_past(wearer, watch, publishers[watch.device], known=known[wearer.id], now=now)
            self._live(household, publishers, glance)

    def _register(self, wearers: tuple[Wearer, ...], secret: dict[str, str], since: date) -> dict[str, Registration]:
        with Console(self._setup.api, password=self._setup.operator_password) as console:
            console.sign_in(patience_s=self._setup.wait_s)
            registrations = register_household(
                console, wearers, secret=secret, acquired_on=since, timezone=self._setup.timezone
            )
        self._say(f"{len(registrations)} devices and {len(wearers)} people are registered at {self._setup.api}")
        return registrations

    def _gather_crowd(self) -> subprocess.Popen[bytes]:
        """Have the crowd imported by a process that gives way to this one, which has a home to keep alive."""
        command = [sys.executable, "-m", "simulators", "crowd", "--gently", "--quiet", "--api", self._setup.api]
        command += ["--people", str(self._setup.crowd), "--seed", str(CROWD_SEED)]
        if self._setup.password_file is not None:
            command += ["--password-file", str(self._setup.password_file)]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def _share_board(self, wearers: tuple[Wearer, ...], secret: dict[str, str]) -> None:
        first, second = (wearer.id for wearer in wearers)
        with (
            Console(self._setup.api, username=first, password=secret[first]) as one,
            Console(self._setup.api, username=second, password=secret[second]) as other,
        ):
            if share_board(one, other, names=(first.title(), second.title()), username=second):
                self._say(f"{first} and {second} share a board")

    def _known(self, wearer: Wearer, secret: dict[str, str], now: Instant) -> Known:
        if self._setup.people_passwords is None:
            return NOTHING
        today = local_date(now, self._zone)
        instants = (
            midnight(today, self._zone),
            midnight(today - timedelta(days=self._setup.history_days), self._zone),
            now,
        )
        start, first, at = (datetime.fromtimestamp(instant / SECOND, self._zone) for instant in instants)
        with Console(self._setup.api, username=wearer.id, password=secret[wearer.id]) as console:
            return known_to_hub(console, wearer.id, since=first, today=start, now=at)

    def _publisher(
        self, device: str, model: str, registrations: dict[str, Registration], household: Household
    ) -> Publisher:
        broker, credential = registrations[device]
        publisher = Publisher(broker, credential)
        publisher.on_command(models.load(model), household.obey(device))
        return publisher

    def _tell_past(self, wearer: Wearer, watch: Watch, publisher: Publisher, *, known: Known, now: Instant) -> None:
        """Go on counting where today's past ends, and publish the past behind the live: newest day first.

        The oldest day that the hub has may have been cut short, so it is told again.
        """
        past = Past(wearer, watch.device, self._setup.seed, self._zone)
        today = local_date(now, self._zone)
        told = self._setup.history_days > 0
        steps, metres, kcal = (max(pair) for pair in zip(past.counters(now), known.today, strict=True))
        watch.body.restart_counters(steps=steps, metres=metres, kcal=kcal)
        if not told:
            return
        skip = known.days - {min(known.days, default=today)} | (known.days & {today})
        days = reversed(list(days_back(now, self._setup.history_days, self._zone)))

        def tell() -> None:
            tally = publish_past(publisher, past, days=days, now=now, done=self._heed_stop, skip=skip)
            self._say(f"the past of {watch.device} is told: {tally.samples} samples, {tally.events} events")

        threading.Thread(target=tell, name=f"{watch.device}-past", daemon=True).start()

    def _heed_stop(self, _day: date) -> None:
        if self._stop.is_set():
            raise SystemExit

    def _live(self, household: Household, publishers: dict[str, Publisher], glance: Callable[[str], None]) -> None:
        last = time.monotonic()
        while True:
            time.sleep(TICK_S)
            now = time.monotonic()
            household.advance(now_ms(), now - last, publishers=publishers)
            last = now
            acknowledged = sum(publisher.acknowledged for publisher in publishers.values())
            glance(f"{household.glance()}  {acknowledged} messages acknowledged")
