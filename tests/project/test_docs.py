"""
The docs are correct: their code runs, and everything public is documented.
"""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import greensdk

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("[ap]*/*/README.md"))]


def code_of(page: Path) -> str:
    """
    Return the ``python`` blocks of a page as one script.
    """
    return "\n".join(re.findall(r"^```python\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL))


def as_case(page: Path):
    """
    Return a page as a test's parameter; what loads Lithops, Matplotlib or SciPy takes seconds.
    """
    heavy = re.search("lithops|report|advisor", code_of(page))
    return pytest.param(page, id=page.parent.name + page.stem, marks=[pytest.mark.slow] if heavy else [])


@pytest.mark.parametrize("page", [as_case(page) for page in PAGES if code_of(page)])
def test_code_blocks_run(page, tmp_path):
    """
    The python blocks of a page run from top to bottom, as a script in an empty folder.
    """
    script = tmp_path / "page.py"
    script.write_text(code_of(page))
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:greensdk", script],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr.partition("Traceback")[2])


@pytest.mark.slow
def test_the_readme_runs_with_measuring_off(tmp_path, monkeypatch):
    """
    What people copy works without records, too.
    """
    monkeypatch.setenv("GREENSDK_DISABLED", "1")
    test_code_blocks_run(ROOT / "README.md", tmp_path)


MODULES = sorted(
    module.name
    for package in (greensdk, importlib.import_module("greensdk.testing"))
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    """
    Every ``>>>`` in a docstring prints the output below it.
    """
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)

    assert 0 == failed


def test_every_public_name_is_in_the_docs():
    """
    What ``greensdk`` exports is mentioned in README or docs, and there are at most 16 of it.
    """
    text = "\n".join(page.read_text() for page in PAGES)

    assert [] == [name for name in greensdk.__all__ if name.strip("_") not in text]
    assert len(greensdk.__all__) <= 16


def test_every_field_of_a_record_is_in_the_docs():
    """
    docs/record.md names each field that the schema documents.
    """
    from greensdk.schema.fields import FIELDS

    text = (ROOT / "docs" / "record.md").read_text()

    assert [] == [name for name in FIELDS if f"`{name}`" not in text]


def test_every_setting_is_in_the_docs():
    """
    docs/configuration.md names each key and each switch.
    """
    from greensdk.configure.settings import KEYS, SWITCHES

    text = (ROOT / "docs" / "configuration.md").read_text()

    assert [] == [name for name in (*KEYS, *SWITCHES) if f"`{name}`" not in text]
