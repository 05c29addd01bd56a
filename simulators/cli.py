"""What can be asked of the simulators at the command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from devices import topics
from simulators import shows
from simulators.registration import HOME, LOAD_HOME, TIMEZONE
from simulators.wearers import HISTORY_DAYS, Course

API = "http://127.0.0.1:8000"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options, with the command to call as `run`."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators", description="Devices and people that do not exist, for a hub that does not know."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    common = _common()
    _home(commands.add_parser("home", parents=[common], help="a home that lives: two people, seven devices"))
    _history(commands.add_parser("history", parents=[common], help="months of a wearer's past"))
    _load(commands.add_parser("load", parents=[common], help="as many messages as you like, and a count of them"))
    _crowd(commands.add_parser("crowd", parents=[common], help="thousands of wearers with months of days, imported"))
    _replay(commands.add_parser("replay", parents=[common], help="a recorded workout (a FIT file), told again"))
    options = parser.parse_args(arguments)
    if options.run is shows.load and options.messages is None and options.seconds is None:
        options.messages = 10_000
    return options


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--api", default=API, metavar="URL", help="where the hub answers (default: %(default)s)")
    common.add_argument(
        "--password-file",
        type=Path,
        default=Path(os.environ.get("HUB_DATA_DIR", ".data")) / "operator-password",
        metavar="FILE",
        help="holds the operator's password (default: %(default)s); HUB_OPERATOR_PASSWORD goes before it",
    )
    common.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed tells the same story")
    common.add_argument(
        "--wait", type=_number(0), default=0.0, metavar="SECONDS", help="how long to wait for the hub to answer"
    )
    return common


def _home(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=shows.home)
    parser.description = (
        "Minji goes for a run that is too hard for her, the hub's guard makes her watch tremble and sound, she eases "
        "off and recovers, and so on; the appliances work meanwhile. Runs until interrupted."
    )
    parser.add_argument(
        "--speed", type=_number(0.01), default=1.0, metavar="F", help="bodies and machines run F times faster"
    )
    parser.add_argument(
        "--history-days",
        type=_count(0),
        default=HISTORY_DAYS,
        metavar="N",
        help="days of both watches' past to publish as well, 0 for none (default: %(default)s)",
    )
    parser.add_argument("--timezone", type=_timezone, default=TIMEZONE, help="of the home (default: %(default)s)")
    parser.add_argument(
        "--people-passwords",
        type=Path,
        metavar="FILE",
        help="keep the passwords of the two people there, as JSON readable by you only; used again if it exists",
    )
    parser.add_argument(
        "--crowd",
        type=_count(0),
        default=0,
        metavar="N",
        help="so many wearers around them, imported meanwhile (default: %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="no status line")


def _history(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=shows.history)
    parser.description = "Publishes the past of one wearer in batches, up to now, and ends when all is acknowledged."
    parser.add_argument(
        "--days", type=_count(0), default=HISTORY_DAYS, metavar="N", help="how far back (default: %(default)s)"
    )
    _whose(parser, home=HOME, device="minji-watch", owner="minji", birth_year=1968)
    parser.add_argument("--model", default="health-watch", help="the device's model (default: %(default)s)")
    parser.add_argument("--timezone", type=_timezone, default=TIMEZONE, help="where days begin (default: %(default)s)")
    parser.add_argument(
        "--course", type=Course, choices=list(Course), default=Course.FITTER, help="grows fitter, or stays so"
    )
    parser.add_argument(
        "--since",
        type=date.fromisoformat,
        metavar="DATE",
        help="when the watch was put on first (default: the first of a quarter, 150 or more days ago)",
    )


def _load(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=shows.load)
    parser.description = "Publishes telemetry of many watches at once and counts what the broker acknowledges."
    parser.add_argument("--devices", type=_count(1), default=10, metavar="N", help="(default: %(default)s)")
    parser.add_argument(
        "--rate",
        type=_number(0),
        default=0.0,
        metavar="R",
        help="messages a second; 0: as fast as acknowledged (default)",
    )
    parser.add_argument(
        "--batch",
        type=_count(1),
        default=1,
        metavar="B",
        help="readings in a message, of 3 values each (default: %(default)s)",
    )
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument(
        "--messages", type=_count(1), metavar="M", help="how many, all devices together (default: 10000)"
    )
    amount.add_argument("--seconds", type=_number(0.01), metavar="S", help="or for how long")
    parser.add_argument(
        "--window",
        type=_count(1),
        default=512,
        metavar="W",
        help="unacknowledged messages a device (default: %(default)s)",
    )
    parser.add_argument(
        "--ledger", type=Path, metavar="FILE", help='append "device ts n_values" for each acknowledged message'
    )
    parser.add_argument(
        "--patience",
        type=_number(0),
        default=60.0,
        metavar="SECONDS",
        help="how long to try to connect again (default: %(default)s)",
    )
    parser.add_argument("--home", type=_id, default=LOAD_HOME, help="(default: %(default)s)")
    parser.add_argument("--no-owners", dest="owners", action="store_false", help="devices that belong to nobody")
    parser.add_argument(
        "--climb", action="store_true", help="one more device, whose wearer's heart rate passes 200 in 20 s"
    )


def _crowd(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=shows.crowd)
    parser.description = (
        "Has the hub import made-up people of Korea, their watches, and their days as features, to be compared with. "
        "Told again, it changes nothing."
    )
    parser.add_argument("--people", type=_count(1), default=5_000, metavar="N", help="(default: %(default)s)")
    parser.add_argument(
        "--days", type=_count(1), default=HISTORY_DAYS, metavar="N", help="up to yesterday (default: %(default)s)"
    )
    parser.add_argument("--gently", action="store_true", help="give way to everything else, and take longer")
    parser.add_argument("--quiet", action="store_true", help="no bar, and no word if it is there already")


def _replay(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=shows.replay)
    parser.description = "Publishes a FIT recording as a health watch would have: the recorded values, to the digit."
    parser.add_argument("file", type=Path, metavar="FILE.fit")
    _whose(parser, home="replay-home", device="replay-watch", owner="replay-wearer", birth_year=1990)
    tempo = parser.add_mutually_exclusive_group()
    tempo.add_argument(
        "--speed",
        type=_number(0.01),
        default=1.0,
        metavar="F",
        help="F times faster than it was (default: %(default)s)",
    )
    tempo.add_argument("--instant", action="store_true", help="as fast as acknowledged, in batches")
    parser.add_argument(
        "--shift", choices=["now"], help="move the stamps: it starts now at its own pace, or ends now if it is faster"
    )


def _whose(parser: argparse.ArgumentParser, *, home: str, device: str, owner: str, birth_year: int) -> None:
    parser.add_argument("--device", type=_id, default=device, metavar="ID", help="(default: %(default)s)")
    parser.add_argument("--owner", type=_id, default=owner, metavar="ID", help="who wears it (default: %(default)s)")
    parser.add_argument("--home", type=_id, default=home, metavar="ID", help="(default: %(default)s)")
    parser.add_argument(
        "--birth-year",
        type=_count(1900),
        default=birth_year,
        metavar="Y",
        help="of the wearer, if new (default: %(default)s)",
    )


def _id(text: str) -> str:
    if not topics.is_id(text):
        raise argparse.ArgumentTypeError(f"{text!r} does not match {topics.ID_PATTERN}")
    return text


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time zone") from error
    return text


def _count(least: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return count


def _number(least: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value < 1e9:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least {least:g}")
        return value

    return number
