"""YAML that remembers its lines, so that every fault in a file can be named with the line it is on."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from devices.errors import Fault, ModelInvalid

SIZE_LIMIT = 256 * 1024
DEPTH_LIMIT = 32

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The quick one, where PyYAML was built with it."""

Path: TypeAlias = tuple[str | int, ...]
Lines: TypeAlias = dict[Path, int]
Validated = TypeVar("Validated", bound=BaseModel)


def read(
    text: str, schema: type[Validated], *, file: str, unwritten: frozenset[str] = frozenset()
) -> tuple[Validated, Lines]:
    """Read YAML `text` as `schema`; with the lines of its parts. `unwritten` are names in paths that only the schema has.

    Raises `ModelInvalid` with everything wrong in it, each with file, line and path.
    """
    tree, lines = parse(text, file=file)
    try:
        return schema.model_validate(tree), lines
    except ValidationError as error:
        raise ModelInvalid([_fault(each, lines, file, unwritten) for each in error.errors()]) from error


def parse(text: str, *, file: str) -> tuple[Any, Lines]:
    """The plain tree of a YAML text, and the line of every path in it. Aliases and repeated keys are refused."""
    if len(text) > SIZE_LIMIT:
        raise ModelInvalid([Fault(file=file, line=1, path="", reason=f"larger than {SIZE_LIMIT // 1024} KiB")])
    lines: Lines = {}
    faults: list[Fault] = []
    try:
        _look_ahead(text, file)
        node = yaml.compose(text, Loader=_Loader)
        tree = _plain(node, (), lines, faults, file) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ModelInvalid([Fault(file=file, line=line, path="", reason=str(error.problem))]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ModelInvalid([Fault(file=file, line=1, path="", reason=str(error).split("\n", 1)[0])]) from error
    if faults:
        raise ModelInvalid(faults)
    return tree, lines


def _look_ahead(text: str, file: str) -> None:
    """Refuse aliases, of which bombs are made, and nesting that nobody writes by hand, before anything is built."""
    depth = 0
    for token in yaml.scan(text, Loader=_Loader):
        line = token.start_mark.line + 1
        if isinstance(token, yaml.AliasToken):
            raise ModelInvalid([Fault(file=file, line=line, path="", reason="aliases are not allowed")])
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > DEPTH_LIMIT:
            raise ModelInvalid([Fault(file=file, line=line, path="", reason=f"nested deeper than {DEPTH_LIMIT}")])


_OPENING = (
    yaml.FlowSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.BlockMappingStartToken,
)
_CLOSING = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken, yaml.BlockEndToken)


def fault_at(lines: Lines, path: Path, *, file: str, reason: str) -> Fault:
    """A fault at `path`, on its line or that of the nearest part above it."""
    shown = path
    while path and path not in lines:
        path = path[:-1]
    return Fault(file=file, line=lines.get(path, 1), path=".".join(map(str, shown)), reason=reason)


def _fault(error: Any, lines: Lines, file: str, unwritten: frozenset[str]) -> Fault:
    path = tuple(part for part in error["loc"] if part not in unwritten)
    return fault_at(lines, path, file=file, reason=error["msg"].removeprefix("Value error, "))


def _plain(node: yaml.Node, path: Path, lines: Lines, faults: list[Fault], file: str) -> Any:
    lines[path] = node.start_mark.line + 1
    match node:
        case yaml.MappingNode():
            return _mapping(node, path, lines, faults, file)
        case yaml.SequenceNode():
            return [_plain(each, (*path, i), lines, faults, file) for i, each in enumerate(node.value)]
        case _:
            try:
                return yaml.constructor.SafeConstructor().construct_object(node)
            except (ValueError, KeyError, AttributeError, OverflowError, yaml.YAMLError):
                faults.append(fault_at(lines, path, file=file, reason=f"{str(node.value)[:40]!r} cannot be read"))
                return None


def _mapping(node: yaml.MappingNode, path: Path, lines: Lines, faults: list[Fault], file: str) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        here = (*path, key)
        if key in tree:
            line = key_node.start_mark.line + 1
            faults.append(Fault(file=file, line=line, path=".".join(map(str, here)), reason="said twice"))
        tree[key] = _plain(value_node, here, lines, faults, file)
        lines[here] = key_node.start_mark.line + 1
    return tree
