"""
greensdk's modules for workers that lack it: compiled, as one compressed object.

It contains what a measured call and an executor import, without the rooms that read, report and print. Docstrings,
annotations of functions and columns are left out; tracebacks keep their lines.
"""

from __future__ import annotations

import ast
import importlib.util
import marshal
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from hashlib import sha256
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from types import CodeType
from typing import Any

from greensdk.configure import builtin

_TARGETS = (
    *(target for table in (builtin.MONITORS, builtin.SINKS, builtin.ENRICHERS) for target in table.values()),
    *(target for target, _ in builtin.ADAPTERS.values()),
)

OURS = frozenset({"greensdk", "greensdk_lithops", *(re.split("[.:]", target)[0] for target in _TARGETS)})
"""The top-level packages of this distribution that a worker may import; all others are left to Lithops."""

ROOTS = (
    "greensdk.calls",
    "greensdk.measure.blocks",
    "greensdk.measure.decorator",
    "greensdk.measure.gpu",
    "greensdk.measure.notes",
    "greensdk.monitor",
    "greensdk.schema.types",
    "greensdk.sink",
    "greensdk_lithops.aws_lambda.worker",
    "greensdk_lithops.bundled",
    "greensdk_lithops.executor",
    "greensdk_lithops.worker",
)
"""What measures a call, and the public names that the function's module may import."""

NOT_SENT = re.compile(r"greensdk\.(advisor|cli|logs|report|testing)\b|greensdk_lithops\.k8s\b")

_IMPORT = re.compile(r"^ *(?:from (greensdk[\w.]*) import (\([^)]*\)|.*)|import (greensdk[\w.]*))", re.MULTILINE)
_TYPING = re.compile(r"^if TYPE_CHECKING:\n(?: +.*\n|\n)+", re.MULTILINE)

_NO_LOCATION, _NO_COLUMNS, _LONGEST = 15, 13, 8

Source = tuple[bool, str]
"""Whether a module is a package, and its source."""


class Bundle:
    """
    The modules that some functions need.

    Args:
        sources: Source by the module's name.

    Attributes:
        digest: Differs for other sources and for another version of Python.
    """

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self.sources = sources
        self.digest = sha256(MAGIC_NUMBER + repr(sorted(sources.items())).encode()).hexdigest()[:32]

    @cached_property
    def packed(self) -> bytes:
        """
        Name to (is a package, code), as :class:`greensdk_lithops.bundled.Bundled` takes it, compressed.
        """
        modules = {name: (source[0], marshal.dumps(_compiled(name, source))) for name, source in self.sources.items()}
        return zlib.compress(marshal.dumps(modules))


@cache
def bundle(roots: frozenset[str]) -> Any:
    """
    Return the bundle with some modules and everything of greensdk that those import.

    Args:
        roots: Names of modules beside :data:`ROOTS`.
    """
    if (own := getattr(importlib.util.find_spec("greensdk"), "loader", None)) and hasattr(own, "digest"):
        return own  # this process is a worker that has got one itself
    sources: dict[str, Source] = {}
    waiting = [*ROOTS, *roots]
    while waiting:
        name = waiting.pop()
        if name not in sources and not NOT_SENT.match(name) and (found := _source(name)):
            sources[name] = found
            waiting += [name.rpartition(".")[0], *imported(found[1]), *(_tables(name) if found[0] else ())]
    return Bundle(dict(sorted(sources.items())))


def imported(source: str) -> Iterator[str]:
    """
    Yield the names of modules that a source may import, in functions too.

    Example:
        >>> list(imported("from greensdk.deliver import spool"))
        ['greensdk.deliver', 'greensdk.deliver.spool']
    """
    for module, names, plain in _IMPORT.findall(_TYPING.sub("", source)):
        yield module or plain
        yield from (f"{module}.{name}" for name in re.findall(r"\w+", names))


def _tables(package: str) -> Iterator[str]:
    """
    Yield the modules of a package's tables, of which a lookup imports the one that it needs.
    """
    path = _path(f"{package}.data")
    if path is not None and path.is_dir():
        yield from (f"{package}.data.{file.stem}" for file in path.glob("*.py"))


def _path(name: str) -> Path | None:
    """
    Return where a module is, without an extension and without importing anything.
    """
    top, _, rest = name.partition(".")
    spec = importlib.util.find_spec(top) if top else None
    return Path(spec.origin).parent.joinpath(*rest.split(".")) if spec and spec.origin else None


def _source(name: str) -> Source | None:
    if (path := _path(name)) is None:
        return None
    for file, is_package in ((path / "__init__.py", True), (path.with_suffix(".py"), False)):
        if file.is_file():
            return is_package, file.read_text(encoding="utf-8")
    return None


def _compiled(name: str, source: Source) -> CodeType:
    path = name.replace(".", "/") + ("/__init__.py" if source[0] else ".py")
    tree = _Unannotated().visit(ast.parse(source[1]))
    return without_columns(compile(tree, path, "exec", dont_inherit=True, optimize=2))


class _Unannotated(ast.NodeTransformer):
    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)


def without_columns(code: CodeType) -> CodeType:
    """
    Return code with the lines of its instructions, but not the columns, which are a third of it.

    The format: https://github.com/python/cpython/blob/3.11/Objects/locations.md.
    """
    parts = tuple(without_columns(part) if isinstance(part, CodeType) else part for part in code.co_consts)
    return code.replace(co_consts=parts, co_linetable=bytes(_line_table(code.co_lines(), code.co_firstlineno)))


def _line_table(lines: Iterable[tuple[int, int, int | None]], before: int) -> Iterator[int]:
    for start, end, line in lines:
        for units in range((end - start) // 2, 0, -_LONGEST):
            length = min(units, _LONGEST) - 1
            if line is None:
                yield 0x80 | _NO_LOCATION << 3 | length
            else:
                yield 0x80 | _NO_COLUMNS << 3 | length
                yield from _signed(line - before)
                before = line


def _signed(number: int) -> Iterator[int]:
    """
    Yield a number in six bits a byte, the lowest first, its sign in the lowest of all.
    """
    left = -number << 1 | 1 if number < 0 else number << 1
    while left >= 0x40:
        yield 0x40 | left & 0x3F
        left >>= 6
    yield left
