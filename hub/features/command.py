"""`python -m hub features rebuild`: daily features found anew from stored telemetry, while no hub runs."""

from __future__ import annotations

import argparse
from typing import Any

from devices.errors import NotFound


def add_to(commands: Any) -> None:
    """Put `features` among the commands."""
    features = commands.add_parser("features", help="daily features: find them anew from what is stored")
    actions = features.add_subparsers(dest="action", required=True, metavar="ACTION")
    rebuild = actions.add_parser(
        "rebuild",
        help="find all daily features anew",
        description="Find daily features anew from stored telemetry, on all cores. No hub may be running in the data dir.",
    )
    rebuild.add_argument("people", nargs="*", metavar="PERSON", help="their ids; everybody if none")


def run(options: argparse.Namespace) -> int:
    """Rebuild, with a bar that shows how far it is. Raises `HubError` in one clear line."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from hub.past import open_past
    from hub.settings import load

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    speed = TextColumn("{task.fields[samples]:,} samples")
    with open_past(load()) as past:
        people = options.people or sorted(past.registry.subjects)
        if unknown := sorted(set(people) - past.registry.subjects.keys()):
            raise NotFound(f"there is no person {', '.join(unknown)}")
        found, samples = set(), 0
        with Progress(*columns, speed, console=Console(stderr=True)) as bar:
            task = bar.add_task("daily features", total=len(people), samples=0)
            for person, count in past.keeper.rebuild(people, cores=None):
                found.add(person)
                samples += count
                bar.update(task, completed=len(found), samples=samples)
            bar.update(task, completed=len(people))
    print(f"daily features of {len(found)} people, from {samples:,} samples")
    return 0
