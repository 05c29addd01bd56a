"""The workbench for those who write rules: `python -m hub rules check | test | replay | diff | schema`. Nothing goes out."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from devices.errors import Fault, HubError, Invalid, ModelInvalid
from devices.sample import DAY, Instant

if TYPE_CHECKING:
    from devices.model import Model
    from hub.past import Past
    from rules.decision import Decision
    from rules.language import Written
    from rules.replay import History
    from rules.subject import Subject

ROWS_LIMIT = 1_000
"""Firings that a table shows; the counts are of all."""


class Asked(NamedTuple):
    """Which past a rule is to meet."""

    since: Instant
    until: Instant
    scopes: list[str]


def add_to(commands: Any) -> None:
    """Add `rules` to a command line."""
    rules = commands.add_parser("rules", help="check, test, replay and compare rule files; nothing goes out")
    parts = rules.add_subparsers(dest="part", required=True, metavar="COMMAND")
    check = parts.add_parser("check", help="read rule files and hold them against the device models")
    check.add_argument("files", nargs="+", type=Path, metavar="FILE")
    test = parts.add_parser("test", help="check rule files and run the tests in them")
    test.add_argument("files", nargs="+", type=Path, metavar="FILE")
    replay = parts.add_parser("replay", help="when a rule would have fired, for whom, over what the hub has stored")
    replay.add_argument("file", type=Path, metavar="FILE")
    diff = parts.add_parser("diff", help="what two versions of a rule would have done differently")
    diff.add_argument("before", type=Path, metavar="BEFORE")
    diff.add_argument("after", type=Path, metavar="AFTER")
    for part in (replay, diff):
        _add_span(part)
    parts.add_parser("schema", help="print the JSON Schema of rule files, for editors")


def run(options: argparse.Namespace) -> int:
    """Run one of them; the exit code. Raises `HubError` in one clear line."""
    match options.part:
        case "check":
            return _check(options.files)
        case "test":
            return _test(options.files)
        case "schema":
            return _schema()
        case "replay":
            return _replay([options.file], _asked(options))
        case _:
            return _replay([options.before, options.after], _asked(options))


def _add_span(part: argparse.ArgumentParser) -> None:
    part.description = (
        "Settings come from HUB_* variables, .env and hub.toml, as for serve; the hub must not be running."
    )
    part.add_argument("--from", dest="since", type=_time, metavar="TIME", help="like 2026-05-01 or 2026-05-01T08:00Z")
    part.add_argument("--to", dest="until", type=_time, metavar="TIME", help="now, if nothing is said")
    part.add_argument("--days", type=int, default=30, help="so many days up to --to, without --from (30)")
    part.add_argument("--scope", action="append", default=[], metavar="ID", help="only this scope; may be said again")


def _time(written: str) -> Instant:
    try:
        read = datetime.fromisoformat(written)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{written!r} is no time; say 2026-05-01 or 2026-05-01T08:00Z") from error
    return round((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp() * 1000)


def _asked(options: argparse.Namespace) -> Asked:
    until = options.until if options.until is not None else time.time_ns() // 1_000_000
    since = options.since if options.since is not None else until - options.days * DAY
    if since >= until:
        raise Invalid("the span is empty: --from must be before --to, and --days at least 1")
    return Asked(since, until, options.scope)


def _check(files: Sequence[Path]) -> int:
    checked = _checked(files)
    for path, faults in checked.faults.items():
        _tell(faults) if faults else print(f"{path}: {checked.rules[path].rule.id} is a valid rule")
    return 1 if any(checked.faults.values()) else 0


def _test(files: Sequence[Path]) -> int:
    checked, failures = _checked(files), 0
    for path, faults in checked.faults.items():
        _tell(faults)
        failures += len(faults) if faults else _rehearse(checked.rules[path], checked.models)
    return 1 if failures else 0


def _rehearse(written: Written, models: dict[str, Model]) -> int:
    """Run the tests of a rule and tell each one's outcome; how many failed."""
    from hub.catalogue import failed
    from rules.rehearsal import rehearse

    failures = {failure.place: failure for failure in rehearse(written.rule, models)}
    for place, case in enumerate(written.rule.tests):
        if place in failures:
            print(f"FAILED  {failed(written, failures[place])}")
        else:
            print(f"passed  {written.file}: {case.name}")
    if not written.rule.tests:
        print(f"none    {written.file}: {written.rule.id} has no tests")
    return len(failures)


class _Checked(NamedTuple):
    models: dict[str, Model]
    rules: dict[Path, Written]
    faults: dict[Path, list[Fault]]


def _checked(files: Iterable[Path]) -> _Checked:
    """Every file read and held against the device models; rules may listen to one another, and to the packs."""
    from hub.catalogue import check, load_models, made_by_packs, rule_text
    from rules import draft

    checked = _Checked(load_models(), {}, {})
    drafts = {}
    for path in dict.fromkeys(files):
        checked.faults[path] = []
        try:
            drafts[path] = draft.read(_text(path, rule_text), file=str(path))
        except ModelInvalid as error:
            checked.faults[path] = [_named(fault, path) for fault in error.faults]
    found = check(list(drafts.values()), checked.models, made=made_by_packs(), tested=False)
    for (path, read), faults in zip(drafts.items(), found, strict=True):
        checked.faults[path] = faults
        if not faults:
            checked.rules[path] = read.written
    return checked


def _text(path: Path, read: Any) -> str:
    try:
        return str(read(path))
    except OSError as error:
        raise ModelInvalid([Fault(file=str(path), line=1, path="", reason=str(error.strerror))]) from error


def _named(fault: Fault, path: Path) -> Fault:
    return Fault(file=str(path), line=fault.line, path=fault.path, reason=fault.reason)


def _tell(faults: Iterable[Fault]) -> None:
    for fault in faults:
        print(fault, file=sys.stderr)


def _schema() -> int:
    import json

    from rules import language

    print(json.dumps(language.schema(), indent=2, ensure_ascii=False))
    return 0


def _replay(files: Sequence[Path], asked: Asked) -> int:
    """Have one version, or two, meet the past."""
    checked = _checked(files)
    if faults := [fault for path in files for fault in checked.faults[path]]:
        _tell(faults)
        return 1
    rules = [checked.rules[path] for path in files]
    if len({each.rule.id for each in rules}) > 1:
        raise Invalid(f"these are different rules: {' and '.join(each.rule.id for each in rules)}")
    with _past() as past:
        try:
            found = [_meet(past, each, asked, checked.models) for each in rules]
        except KeyboardInterrupt:
            print("cancelled; nothing was changed", file=sys.stderr)
            return 130
    _show(found)
    return 0


def _past() -> Any:
    """What the hub has stored."""
    from hub.data_dir import Busy
    from hub.past import open_past
    from hub.settings import load

    settings = load()

    @contextlib.contextmanager
    def opened() -> Iterator[Past]:
        try:
            with open_past(settings) as past:
                yield past
        except Busy as error:
            ask = "ask it: POST /v1/rules/{id}/replay, or stop it first"
            raise HubError(f"a hub is running in {settings.data_dir} and has its stores open; {ask}") from error

    return opened()


def _meet(past: Past, written: Written, asked: Asked, models: dict[str, Model]) -> list[Decision]:
    """What a rule would have decided, with a bar that shows how far it is."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from hub.workers import replay_all
    from rules.program import compile_rule

    program = compile_rule(written.rule, models)
    subjects = [each for each in past.histories.scopes(program) if not asked.scopes or each.id in asked.scopes]
    if unknown := sorted(set(asked.scopes) - {each.id for each in subjects}):
        raise Invalid(f"there is no {program.rule.scope.each} {', '.join(unknown)}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    decisions: list[Decision] = []
    with (
        Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar,
        _noting_interrupts() as interrupted,
    ):
        task = bar.add_task(written.file, total=len(subjects))

        def past_of(subject: Subject, known: Instant) -> History:
            if interrupted():
                raise KeyboardInterrupt
            return past.histories.of(program, subject, since=known, until=asked.until)

        found = replay_all(
            written.rule,
            subjects,
            past_of,
            since=asked.since,
            until=min(asked.until, time.time_ns() // 1_000_000),
        )
        for each in found:
            decisions += each.decisions
            bar.advance(task)
            if interrupted():
                raise KeyboardInterrupt
    return decisions


@contextlib.contextmanager
def _noting_interrupts() -> Iterator[Callable[[], bool]]:
    """Whether an interrupt came: nobody is torn out of reading a store by it."""
    came = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: came.set())
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _show(found: Sequence[list[Decision]]) -> None:
    """The firings of one version, or how those of two differ."""
    if len(found) == 1:
        _table([("", each) for each in found[0]])
        return
    from rules.replay import difference

    parts = difference(found[0], found[1])
    names = ("only before", "only after", "both")
    _table([(name, each) for name, part in zip(names, parts, strict=True) for each in part])


def _table(rows: list[tuple[str, Decision]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows.sort(key=lambda row: (row[1].observed_at, row[1].scope))
    compared = any(name for name, _ in rows)
    table = Table("where" if compared else "scope", *(["scope"] if compared else []), "time (UTC)", "level", "because")
    for name, each in rows[:ROWS_LIMIT]:
        cells = [name] * compared + [each.scope, _shown(each.observed_at), each.level, each.because.get("en", "")]
        table.add_row(*(Text(cell) for cell in cells))
    console = Console()
    if rows:
        console.print(table)
    if len(rows) > ROWS_LIMIT:
        console.print(f"… and {len(rows) - ROWS_LIMIT} more")
    counts = Counter(f"{name} {each.level}".strip() for name, each in rows)
    told = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    scopes = len({each.scope for _, each in rows})
    console.print(f"{len(rows)} decisions in {scopes} scopes: {told}" if rows else "it would never have fired")


def _shown(at: Instant) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
