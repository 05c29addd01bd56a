"""`python -m hub import KIND FILE…`: hands files to a running hub, cut into pieces that it takes, and tells what became of them."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from devices.errors import HubError

if TYPE_CHECKING:
    import httpx

KINDS = ("people", "devices", "days")
API = "http://127.0.0.1:8000"
PIECE_LIMIT = 16 * 1024 * 1024
"""Bytes of one piece: half of what the hub takes at once, as rows of Parquet are not all of one size."""
PIECE_ROWS = 500_000
TIMEOUT_S = 300.0
MEDIA = {".csv": "text/csv", ".parquet": "application/vnd.apache.parquet"}
PASSWORD_VARIABLE = "HUB_OPERATOR_PASSWORD"


class ImportFailed(HubError):
    """A file was not taken, or not all of it, and why."""


class Piece(NamedTuple):
    """A part of a file, `size` bytes of it, behind so many rows and lines of others."""

    content: bytes
    size: int
    rows_before: int = 0
    lines_before: int = 0


def add_to(commands: Any) -> None:
    """Add `import` to a command line."""
    part = commands.add_parser(
        "import",
        help="hand people, devices and days from elsewhere to a running hub",
        description="Hands CSV or Parquet files to a running hub; docs/imports.md has their columns. Rows that are there "
        "already are no error, so it may be told again.",
    )
    part.add_argument("kind", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    part.add_argument("files", nargs="+", type=Path, metavar="FILE", help="ends in .csv or .parquet")
    part.add_argument("--api", default=API, metavar="URL", help="where the hub answers (default: %(default)s)")
    part.add_argument(
        "--password-file",
        type=Path,
        default=Path(os.environ.get("HUB_DATA_DIR", ".data")) / "operator-password",
        metavar="FILE",
        help=f"holds the operator's password (default: %(default)s); {PASSWORD_VARIABLE} goes before it",
    )


def run(options: argparse.Namespace) -> int:
    """Hand the files over; the exit code. Raises `HubError` in one clear text."""
    import httpx

    for file in options.files:
        if not file.is_file() or file.suffix not in MEDIA:
            raise ImportFailed(f"{file} is no file that ends in {' or '.join(MEDIA)}")
    try:
        with httpx.Client(base_url=options.api, timeout=TIMEOUT_S) as client:
            _sign_in(client, options.password_file)
            for file in options.files:
                print(_hand_over(client, options.kind, file))
    except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise ImportFailed(f"no hub answers at {options.api} ({error or type(error).__name__})") from error
    return 0


def pieces(file: Path, limit: int = PIECE_LIMIT) -> Iterator[Piece]:
    """A file in parts of `limit` bytes or a little more, each with the header. Raises `ImportFailed`."""
    if file.stat().st_size <= limit:
        content = file.read_bytes()
        yield Piece(content, len(content))
    elif file.suffix == ".csv":
        yield from _csv_pieces(file, limit)
    else:
        yield from _parquet_pieces(file, limit)


def _csv_pieces(file: Path, limit: int) -> Iterator[Piece]:
    """Cut behind rows: a line ends one if the quotes so far are even."""
    with file.open("rb") as rows:
        header = _row(rows)
        part, rows_before, lines_before, count = bytearray(), 0, 0, 0
        while row := _row(rows):
            part += row
            count += bool(row.strip())
            if len(part) >= limit or count >= PIECE_ROWS:
                yield Piece(header + part, len(part), rows_before, lines_before)
                rows_before, lines_before = rows_before + count, lines_before + part.count(b"\n")
                part, count = bytearray(), 0
        if part:
            yield Piece(header + part, len(part), rows_before, lines_before)


def _row(file: Any) -> bytes:
    row = bytearray(file.readline())
    while row.count(b'"') % 2 and (more := file.readline()):
        row += more
    return bytes(row)


def _parquet_pieces(file: Path, limit: int) -> Iterator[Piece]:
    import duckdb

    from hub.imports import sql

    size = file.stat().st_size
    try:
        with duckdb.connect(":memory:") as connection, tempfile.TemporaryDirectory() as directory:
            count = int(connection.execute(sql.PARQUET_ROWS, {"path": str(file)}).fetchall()[0][0] or 0)
            rows, part = min(max(1, count * limit // size), PIECE_ROWS), Path(directory) / "part.parquet"
            for first in range(0, count, rows):
                cut = {"path": str(file), "part": str(part), "rows": rows, "first": first}
                connection.execute(sql.CUT_PARQUET, cut)
                yield Piece(part.read_bytes(), size * min(rows, count - first) // count, first)
    except duckdb.Error as error:
        raise ImportFailed(f"{file} cannot be read as Parquet: {str(error).splitlines()[0]}") from error


def _hand_over(client: httpx.Client, kind: str, file: Path) -> str:
    taken = {"new": 0, "changed": 0, "unchanged": 0}
    with _bar(file) as advance:
        for piece in pieces(file):
            headers = {"Content-Type": MEDIA[file.suffix]}
            answer = client.post(f"/v1/imports/{kind}", content=piece.content, headers=headers)
            if answer.is_error:
                before = f"; the {piece.rows_before} rows before were taken" if piece.rows_before else ""
                raise ImportFailed(told(answer, file, piece) + before)
            for name, count in answer.json().items():
                taken[name] += count
            advance(piece.size)
    return f"{file}: {taken['new']} new, {taken['changed']} changed, {taken['unchanged']} unchanged"


def told(answer: httpx.Response, file: Path, piece: Piece) -> str:
    """What the hub said, with the rows and lines of the whole file."""
    try:
        problem = answer.json()
    except ValueError:
        return f"{file}: HTTP {answer.status_code}"
    faults = problem.get("errors") or []
    if not faults:
        return f"{file}: {problem.get('detail', answer.status_code)}"
    lines = [_fault(fault, file, piece) for fault in faults]
    more = [f"and {problem['more']} more"] if problem.get("more") else []
    return "\n".join([f"nothing was taken of {file}, or of this part of it:", *lines, *more])


def _fault(fault: dict[str, Any], file: Path, piece: Piece) -> str:
    if fault.get("line") is not None:
        place = f"{file}:{fault['line'] + piece.lines_before}"
    else:
        place = f"{file} row {fault['row'] + piece.rows_before}" if fault.get("row") is not None else str(file)
    value = f" {fault['value']!r}" if fault.get("value") is not None else ""
    return f"{place}: {fault['column'] + value + ': ' if fault.get('column') else ''}{fault['reason']}"


def _sign_in(client: httpx.Client, password_file: Path) -> None:
    form = {"username": "operator", "password": _password(password_file)}
    answer = client.post("/v1/auth/token", data=form)
    if answer.is_error:
        raise ImportFailed(f"the hub at {client.base_url} does not accept the operator's password")
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def _password(file: Path) -> str:
    if password := os.environ.get(PASSWORD_VARIABLE):
        return password
    try:
        return file.read_text().strip()
    except OSError as error:
        raise ImportFailed(f"no operator password: {file} cannot be read; or set {PASSWORD_VARIABLE}") from error


@contextmanager
def _bar(file: Path) -> Iterator[Any]:
    """A progress bar over the bytes of a file; what it yields is told how many more are through."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(file.name, total=file.stat().st_size)
        yield lambda size: bar.advance(task, size)
