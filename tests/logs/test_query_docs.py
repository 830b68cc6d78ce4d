"""
What docs/reading.md shows is what the commands say.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from greensdk.cli import cli
from greensdk.logs.columns import flat_columns
from greensdk.logs.sqlite import TABLES
from greensdk.report.sql import VIEWS

PAGE = (Path(__file__).parents[2] / "docs" / "reading.md").read_text()


def blocks(language):
    """
    Return the page's code blocks in a language.
    """
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_every_command_prints_what_the_page_says():
    """
    From top to bottom, in one folder.
    """
    subprocess.run([sys.executable, "-c", "\n".join(blocks("python"))], check=True)
    for block in blocks("console"):
        shown = []
        for line in block.splitlines():
            if line.startswith("$ greensdk "):
                done = CliRunner().invoke(cli, shlex.split(line)[2:], prog_name="greensdk")
                shown += [line, *done.output.splitlines()]
        assert block.splitlines() == shown


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_is_explained(name):
    """
    In the table of views.
    """
    assert f"| `{name}` |" in PAGE


def test_every_column_of_the_two_tables_is_explained():
    """
    By its name.
    """
    columns = re.findall(r"^ {4}([a-z_]+) (?:TEXT|REAL|INTEGER)", TABLES, flags=re.MULTILINE)

    assert 20 < len(columns)
    assert [] == [name for name in columns if name not in PAGE]
    assert f"`{flat_columns()[-1]}`" in PAGE
