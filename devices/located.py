"""YAML that remembers its lines, so that every fault in a file can be named with the line it is on."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple, TypeAlias, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from devices.errors import Fault, ModelInvalid

SIZE_LIMIT = 256 * 1024
DEPTH_LIMIT = 32

_TAG = "tag:yaml.org,2002:"
_PLAIN = frozenset(_TAG + name for name in ("str", "int", "float", "bool", "null"))
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?[eE][+-]?\d+")
_SURROGATES = re.compile(r"\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)
_OF_THE_SCHEMA = re.compile(r"^(literal|function-\w+|list|dict|tuple)?\[.*\]$|^function-\w+\(.*")
"""Steps of a path that tell which alternative was tried."""

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The quick one, where PyYAML was built with it."""

Path: TypeAlias = tuple[str | int, ...]
Lines: TypeAlias = dict[Path, int]
Validated = TypeVar("Validated", bound=BaseModel)


class Tree(NamedTuple):
    """What a text says, the line of every path in it, what is wrong with it, and where nothing could be read."""

    said: Any
    lines: Lines
    faults: list[Fault]
    unread: list[Path]


def read(text: str, schema: type[Validated], *, file: str) -> tuple[Validated, Lines]:
    """Read YAML `text` as `schema`; with the lines of its parts.

    Raises `ModelInvalid` with everything wrong in it, each with file, line and path.
    """
    tree = grow(text, file=file)
    try:
        validated = schema.model_validate(tree.said)
    except ValidationError as error:
        raise ModelInvalid(misshapen(tree, error, file=file)) from error
    if tree.faults:
        raise ModelInvalid(tree.faults)
    return validated, tree.lines


def misshapen(tree: Tree, error: ValidationError, *, file: str, unwritten: frozenset[str] = frozenset()) -> list[Fault]:
    """What is wrong in a tree and with its shape; `unwritten` are names in paths that only the schema has."""
    found = list(tree.faults)
    for each in error.errors():
        path = written_path(each, unwritten)
        if not any(path[: len(above)] == above for above in tree.unread):
            found.append(fault_at(tree.lines, path, file=file, reason=each["msg"].removeprefix("Value error, ")))
    return found


def written_path(error: Any, unwritten: frozenset[str]) -> Path:
    """Where in the text a mistake in its shape is."""
    return tuple(part for part in error["loc"] if part not in unwritten and not _OF_THE_SCHEMA.search(str(part)))


def parse(text: str, *, file: str) -> tuple[Any, Lines]:
    """The plain tree of a YAML or JSON text, and the line of every path in it. Raises `ModelInvalid`."""
    tree = grow(text, file=file)
    if tree.faults:
        raise ModelInvalid(tree.faults)
    return tree.said, tree.lines


def grow(text: str, *, file: str) -> Tree:
    """The plain tree of a YAML or JSON text: what JSON can say, and nothing else.

    Read as YAML 1.2 has it, in which JSON is YAML: `22:00`, `on` and `2026-01-01` are texts. Aliases and repeated keys are
    faults; what cannot be read is `None`. Raises `ModelInvalid` if it is no YAML.
    """
    if len(text) > SIZE_LIMIT:
        raise ModelInvalid([Fault(file=file, line=1, path="", reason=f"larger than {SIZE_LIMIT // 1024} KiB")])
    tree = Tree({}, {}, [], [])
    try:
        if text.lstrip().startswith("{"):
            text = _SURROGATES.sub(_joined, text)
        _look_ahead(text, file)
        node = yaml.compose(text, Loader=_Loader)
        return tree._replace(said=_plain(node, (), tree, file) if node is not None else None)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ModelInvalid([Fault(file=file, line=line, path="", reason=str(error.problem))]) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ModelInvalid([Fault(file=file, line=1, path="", reason=str(error).split("\n", 1)[0])]) from error


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


def _plain(node: yaml.Node, path: Path, tree: Tree, file: str) -> Any:
    tree.lines[path] = node.start_mark.line + 1
    match node:
        case yaml.MappingNode() if node.tag == f"{_TAG}map":
            return _mapping(node, path, tree, file)
        case yaml.SequenceNode() if node.tag == f"{_TAG}seq":
            return [_plain(each, (*path, i), tree, file) for i, each in enumerate(node.value)]
        case yaml.ScalarNode():
            try:
                return _scalar(node)
            except (ValueError, KeyError, AttributeError, OverflowError, yaml.YAMLError):
                reason = f"{str(node.value)[:40]!r} cannot be read"
        case _:
            reason = f"{node.tag.removeprefix(_TAG)} is nothing that JSON could say"
    tree.faults.append(fault_at(tree.lines, path, file=file, reason=reason))
    tree.unread.append(path)
    return None


def _scalar(node: yaml.ScalarNode) -> Any:
    """Raises what the constructor raises, and `ValueError` for what JSON has not."""
    written = str(node.value)
    match node.tag.removeprefix(_TAG):
        case "int" | "float" if ":" in written:
            return written
        case "timestamp" if written[:1].isdigit():
            return written
        case "bool" if written.lower() in ("yes", "no", "on", "off"):
            return written
        case _ if node.tag not in _PLAIN:
            raise ValueError(node.tag)
    numeric = node.tag == f"{_TAG}str" and not node.style and _JSON_NUMBER.fullmatch(written)
    read = float(written) if numeric else yaml.constructor.SafeConstructor().construct_object(node)
    if isinstance(read, float) and not math.isfinite(read):
        raise ValueError(written)
    return read


def _joined(pair: re.Match[str]) -> str:
    """What JSON writes as two halves, as YAML writes it."""
    whole = bytes.fromhex(pair[1] + pair[2]).decode("utf-16-be")
    return f"\\U{ord(whole):08x}"


def _mapping(node: yaml.MappingNode, path: Path, tree: Tree, file: str) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        here = (*path, key)
        if key in said:
            line = key_node.start_mark.line + 1
            tree.faults.append(Fault(file=file, line=line, path=".".join(map(str, here)), reason="said twice"))
        said[key] = _plain(value_node, here, tree, file)
        tree.lines[here] = key_node.start_mark.line + 1
    return said
