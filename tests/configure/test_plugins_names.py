"""
What is built in, and what the tutorial says of hooks, names and contracts.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from greensdk import hookspecs
from greensdk.configure import builtin
from greensdk.configure.plugins import GROUP
from greensdk.configure.targets import load
from greensdk.monitor import CpuClock, Estimator, Monitor

TREE = Path(__file__).parents[2]


@pytest.mark.parametrize("table", ["MONITORS", "SINKS", "ADAPTERS"])
def test_every_built_in_target_can_be_imported(table):
    """
    And is what its table says it is.
    """
    for name, entry in getattr(builtin, table).items():
        try:
            target = load(entry if isinstance(entry, str) else entry[0])
        except ImportError as error:
            if (error.name or "").partition(".")[0] == "lithops":
                pytest.skip("lithops is not installed")
            raise
        if table == "MONITORS":
            made = target()
            assert name == made.name
            assert isinstance(made, Monitor | Estimator | CpuClock)


def test_the_group_is_the_project():
    """
    One name for pluggy, for entry points and for people.
    """
    assert "greensdk" == GROUP == hookspecs.PROJECT


HOOKS = [name for name in vars(hookspecs) if name.startswith("greensdk_")]


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_documented_with_its_arguments(name):
    """
    docs/plugins.md has a heading for each, with the argument list as it is.
    """
    arguments = ", ".join(inspect.signature(getattr(hookspecs, name)).parameters)
    text = (TREE / "docs" / "plugins.md").read_text()

    assert f"### `{name}({arguments})`" in text


def test_no_hook_is_documented_that_is_not_there():
    """
    Nor under an old name.
    """
    text = (TREE / "docs" / "plugins.md").read_text()

    assert set(HOOKS) == set(re.findall(r"greensdk_(?:register_\w+|enrich)\b", text))


@pytest.mark.parametrize("table", ["MONITORS", "SINKS", "ADAPTERS"])
def test_every_built_in_name_is_documented(table):
    """
    docs/plugins.md has a row for each.
    """
    rows = re.findall(r"^\| `([^`]+)`", (TREE / "docs" / "plugins.md").read_text(), flags=re.MULTILINE)

    assert set(getattr(builtin, table)) <= set(rows)


@pytest.mark.parametrize("contract", [Monitor, Estimator])
def test_every_method_of_a_contract_is_documented(contract):
    """
    docs/plugins.md names each method and attribute an author has to write.
    """
    text = (TREE / "docs" / "plugins.md").read_text()
    members = {name for each in contract.__mro__ for name in (*vars(each), *inspect.get_annotations(each))}

    assert [] == [name for name in members if not name.startswith("_") and f"`{name}" not in text]


def test_plugins_are_imported_by_their_own_names():
    """
    ``plugins``, ``adapters`` and ``examples`` are source roots; through them a module would be there twice.
    """
    wrong = re.compile(r"^\s*(?:from|import)\s+(?:plugins|adapters|examples)\b|\bplugins\.greensdk_\w", re.MULTILINE)
    sources = [
        path for folder in ("greensdk", "plugins", "adapters", "examples") for path in (TREE / folder).rglob("*.py")
    ]

    assert [] == [str(path) for path in sources if wrong.search(path.read_text())]
