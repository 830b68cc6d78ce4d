"""
The layers: which room of greensdk may import which, and that nothing imports in a circle.

Imports inside functions and under ``TYPE_CHECKING`` count like all others.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ORDER = (
    "version errors monitor hookspecs",
    "machine",
    "configure",
    "schema",
    "deliver",
    "adapter",
    "sample",
    "measure",
    "logs",
    "report",
    "ab",
    "advisor",
    "cli",
    "testing",
    "calls sink __init__ __main__",
)
"""The rooms of greensdk, and the modules at its root, from the lowest up: each may import from those above it here."""

RANKS = {name: rank for rank, names in enumerate(ORDER) for name in names.split()}

WIRE = {("greensdk.measure.decorator", "greensdk.calls")}
"""A wrapper that is pickled by value must find what it calls under this name in a worker of any version."""

SENT = {
    ("greensdk.calls", target)
    for target in (
        "greensdk_aws_lambda",
        "greensdk_lambda_estimator",
        "greensdk_lithops.aws_lambda.worker",
        "greensdk_psutil_tdp",
    )
}
"""What a plain executor of Lithops sends with a decorated function: it reads these imports, and no tables of names."""

MOST_AT_ROOT = 12
MOST_LINES = 400


def modules() -> dict[str, Path]:
    """
    Return every module of the distribution by its name.
    """
    found = {}
    for top in (ROOT, ROOT / "plugins", ROOT / "adapters"):
        for path in sorted(top.glob("greensdk*/**/*.py")):
            parts = path.relative_to(top).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(tree: ast.AST) -> Iterator[str]:
    """
    Yield the names that absolute imports anywhere in a module may mean.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(name: str, known: Mapping[str, object]) -> str | None:
    """
    Return the module in which an imported name stands; None for one of another distribution.
    """
    return name if name in known else next((each for each in [name.rpartition(".")[0]] if each in known), None)


@cache
def trees() -> dict[str, ast.Module]:
    """
    Return the syntax tree of each module.
    """
    return {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


@cache
def imports() -> dict[str, set[str]]:
    """
    Return which modules each module imports.
    """
    found = {}
    for name, tree in trees().items():
        wanted = {module_of(each, MODULES) for each in imported(tree)}
        found[name] = {each for each in wanted if each is not None} - {name}
    return found


def circles(arrows: Mapping[str, set[str]]) -> list[list[str]]:
    """
    Return the groups whose members can each reach all others of the group.
    """
    reach = {name: set(targets) for name, targets in arrows.items()}
    for middle, further in reach.items():
        for targets in reach.values():
            targets.update(further if middle in targets else ())
    groups = {frozenset(other for other in reach[name] if name in reach[other]) for name in reach}
    return sorted(sorted(group) for group in groups if group)


def room_of(name: str) -> str:
    """
    Return the room of a module of greensdk, or the module's own name where it lies at the root.
    """
    return name.partition(".")[2].partition(".")[0] or "__init__"


MODULES = modules()


def test_no_file_imports_itself_in_a_circle():
    """
    Neither in greensdk nor in what comes with it.
    """
    assert [] == circles(imports())


def test_plugins_and_adapters_import_each_other_in_one_direction():
    """
    From package to package.
    """
    arrows: dict[str, set[str]] = {}
    for name, targets in imports().items():
        package = name.partition(".")[0]
        if package != "greensdk":
            arrows.setdefault(package, set()).update({target.partition(".")[0] for target in targets} - {package})
    for targets in arrows.values():
        targets.discard("greensdk")

    assert [] == circles(arrows)


@pytest.mark.parametrize("room", [name for name in RANKS if name != "__init__"])
def test_a_room_imports_only_from_lower_ones(room):
    """
    And greensdk never imports a plugin or an adapter, which it reaches by their names.
    """
    wrong = [
        f"{name} imports {target}"
        for name, targets in imports().items()
        if name.partition(".")[0] == "greensdk" and room_of(name) == room
        for target in sorted(targets)
        if (name, target) not in WIRE | SENT
        if target.partition(".")[0] != "greensdk" or (room_of(target) != room and RANKS[room_of(target)] >= RANKS[room])
    ]

    assert [] == wrong


def test_every_room_has_its_rank_and_its_sentence():
    """
    A folder that is not in the order has no place yet.
    """
    rooms = {path.parent.name for path in ROOT.glob("greensdk/*/__init__.py")}
    at_root = {path.stem for path in ROOT.glob("greensdk/*.py")}

    assert rooms | at_root == RANKS.keys()
    assert len(at_root) <= MOST_AT_ROOT
    assert [] == [room for room in rooms if not ast.get_docstring(trees()[f"greensdk.{room}"])]


def test_all_imports_are_absolute():
    """
    So that one looks for a module by its name, and the tests above see it.
    """
    assert [] == [name for name, tree in trees().items() for node in ast.walk(tree) if getattr(node, "level", 0)]


def test_no_file_is_long():
    """
    What outgrows the limit has a second subject in it.
    """
    lengths = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}

    assert {} == {name: length for name, length in lengths.items() if length > MOST_LINES}


def test_a_circle_is_found():
    """
    Over any number of steps, and distinguished from what only leads into it.
    """
    arrows = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}

    assert [["a", "b", "c"]] == circles(arrows)


def test_hidden_imports_are_seen():
    """
    In a function, under TYPE_CHECKING, and of a module out of its package.
    """
    code = "import a.b\nif TYPE_CHECKING:\n    from c import d\ndef f():\n    from e.f import g\n"

    assert ["a.b", "c.d", "e.f.g"] == list(imported(ast.parse(code)))
    assert ["a.b", "c", "e.f.g"] == [module_of(name, {"a.b", "c", "e.f.g"}) for name in imported(ast.parse(code))]
