"""The SQL of reading an import: DuckDB in memory, for as long as it takes.

sheet     the rows of the file, as they are, with their place `row`
{names}   names that the hub knows, e.g. of homes
existing  what the hub knows of the rows, by key
wrong     what is wrong with which cell
"""

from __future__ import annotations

from hub.imports.columns import Column, Kind

READ_CSV = """
create table sheet as select row_number() over () as row, * from read_csv(
  $path, auto_detect = false, header = true, columns = {columns}, delim = ',', quote = '"', escape = '"', nullstr = '',
  encoding = 'utf-8', ignore_errors = true, store_rejects = true)
"""
REJECTED = "select line_byte_position, column_name, error_type, error_message from reject_errors order by 1"
READ_PARQUET = "create table sheet as select row_number() over () as row, * from read_parquet($path)"
PARQUET_COLUMNS = "select column_name, column_type from (describe select * from read_parquet($path))"
PARQUET_ROWS = "select sum(num_rows) from parquet_file_metadata($path)"
CUT_PARQUET = "copy (from read_parquet($path) limit $rows offset $first) to $part (format parquet, compression zstd)"

KNOW = "create table {names} as select cast(name as varchar) as name from incoming"
COUNT = "select count(*) from sheet"
WRONG = """
with wrong as ({checks})
select row, "column", value, reason, count(*) over () from wrong order by row, "column" limit {told}
"""


def missing_columns(kind: Kind, given: list[str]) -> str:
    """Add the columns that the file leaves out, all empty."""
    left_out = [name for name in kind.names if name not in given]
    return "; ".join(f"alter table sheet add column {name} varchar" for name in left_out)


def wrong(kind: Kind, told: int, *, existing: bool) -> str:
    """Everything that is wrong, by row."""
    checks = [_unfit(column) for column in kind.columns]
    checks += [_missing(column.name) for column in kind.columns if column.required]
    checks += [_repeated(kind.key)]
    if existing:
        checks += [_different(column, kind.key[0]) for column in kind.columns if column.kept]
    else:
        checks.append(_empty(kind))
    return WRONG.format(checks=" union all ".join(checks), told=told)


def clean(column: Column) -> str:
    """A cell in its type, null if it is empty."""
    if column.type == "integer":
        return f"cast(try_cast({_number(column.name)} as integer) as integer) as {column.name}"
    if column.type == "double":
        return f"{_number(column.name)} as {column.name}"
    return f"try_cast({_text(column.name)} as {column.type}) as {column.name}"


def existing(kind: Kind) -> str:
    """What is known of rows, as text or numbers, from columns of the same names."""
    columns = [column for column in kind.columns if column.name == kind.key[0] or column.kept]
    cells = [f"cast({each.name} as {each.type}) as {each.name}" for each in columns]
    return f"create table existing as select {', '.join(cells)} from incoming"


def fresh(kind: Kind) -> str:
    """The rows that are not known yet, clean."""
    key = kind.key[0]
    cells = ", ".join(clean(column) for column in kind.columns)
    return f"select {cells} from sheet where {key} not in (select {key} from existing) order by row"


def every(kind: Kind) -> str:
    """All rows, clean, by key."""
    return f"select {', '.join(clean(column) for column in kind.columns)} from sheet order by {', '.join(kind.key)}"


def _text(name: str) -> str:
    return f"nullif(cast({name} as varchar), '')"


def _number(name: str) -> str:
    return f"try_cast({name} as double)"


def _told(row: str, column: str, value: str, reason: str) -> str:
    said = reason.replace("'", "''")
    return f"""select {row} as row, '{column}' as "column", left({value}, 80) as value, '{said}' as reason from sheet"""


def _unfit(column: Column) -> str:
    numeric = column.type in ("integer", "double")
    cells = f"(select row, {_text(column.name)} as text, {_number(column.name) if numeric else 'null'} as number from sheet)"
    said = _told("row", column.name, "text", column.reason).removesuffix(" from sheet")
    return f"{said} from {cells} where text is not null and ({column.wrong})"


def _missing(name: str) -> str:
    return f"{_told('row', name, 'null', 'is missing')} where {_text(name)} is null"


def _empty(kind: Kind) -> str:
    """Rows with nothing but their key."""
    cells = ", ".join(_text(column.name) for column in kind.columns if column.name not in kind.key)
    return f"{_told('row', kind.key[-1], 'null', 'has nothing beside it')} where coalesce({cells}) is null"


def _repeated(key: tuple[str, ...]) -> str:
    names = ", ".join(key)
    first = f"(select row, {names}, first_value(row) over (partition by {names} order by row) as first from sheet)"
    said = f"""select row, '{key[0]}' as "column", cast({key[0]} as varchar) as value, 'is in row ' || first || ' already'"""
    return f"{said} from {first} where row > first and {key[0]} is not null"


def _different(column: Column, key: str) -> str:
    """Cells that are not what is known. An empty cell says nothing."""
    name = column.name
    told = _number(f"i.{name}") if column.type in ("integer", "double") else _text(f"i.{name}")
    said = f"""select i.row, '{name}' as "column", left({_text(f"i.{name}")}, 80) as value,
        'is ' || coalesce(cast(e.{name} as varchar), 'unknown') || ' already; change it there, or leave it out' as reason"""
    joined = f"sheet i join existing e on e.{key} = cast(i.{key} as varchar)"
    return f"{said} from {joined} where {told} is not null and {told} is distinct from e.{name}"
