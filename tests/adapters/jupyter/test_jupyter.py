"""
``%load_ext greensdk`` in a shell of this process, and a notebook in a kernel.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from greensdk_jupyter import arguments

from greensdk import capture

BURN = (
    "import time\ndef burn(s):\n    end = time.thread_time() + s\n    while time.thread_time() < end: sum(range(200))\n"
)


@pytest.fixture(scope="module")
def ipython():
    """
    One shell for all tests: IPython has one per process.
    """
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    yield shell
    InteractiveShell.clear_instance()


@pytest.fixture
def shell(ipython, monkeypatch):
    """
    The shell with the extension; what is displayed is kept in `shown`.
    """
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    ipython.run_line_magic("load_ext", "greensdk")
    ipython.run_cell(BURN)
    ipython.shown = shown
    yield ipython
    ipython.run_line_magic("unload_ext", "greensdk")


def run(shell, cell):
    """
    Run a cell, and return what was displayed for it.
    """
    shell.shown.clear()
    result = shell.run_cell(cell)
    return result, list(shell.shown)


def test_a_cell_shows_what_it_took(shell):
    """
    Under its label; the value of the cell is the cell's.
    """
    result, (call,) = run(shell, "%%energy load phase\nburn(0.02)\n7")
    assert [7, "load phase", True] == [result.result, call.record["label"], 0.015 < call.cpu_s < 0.2]
    assert "load phase <strong>" in call._repr_html_()


def test_without_a_label_it_has_the_cells_number(shell):
    """
    In[n].
    """
    _, (call,) = run(shell, "%%energy\nburn(0.001)")
    assert call.record["label"].startswith("In[")


def test_a_cell_may_await(shell):
    """
    IPython runs the loop; decorated coroutines lie inside of the cell.
    """
    code = """%%energy awaited
import asyncio
from greensdk import energy_tracked
@energy_tracked(sink=[], monitors=[])
async def work():
    burn(0.01)
    await asyncio.sleep(0)
await work()
"""
    with capture() as records:
        _, (call,) = run(shell, code)
    assert [1, call.record["record_id"]] == [records[0]["depth"], records[0]["parent_id"]]


def test_a_cell_that_fails_is_shown_as_that(shell):
    """
    The traceback is IPython's, the record says the error.
    """
    _, (call,) = run(shell, "%%energy\n1/0")
    assert ["error", "ZeroDivisionError"] == [call.record["status"], call.record["error_type"]]


def test_a_cell_is_run_several_times(shell):
    """
    For cells too short for a meter.
    """
    shell.run_cell("count = 0")
    run(shell, "%%energy --repeat 5 short\ncount += 1\nif count > 2:\n    burn(0.001)")
    assert 5 == shell.user_ns["count"]


def test_every_cell_is_measured_while_that_is_on(shell):
    """
    Until it is off again.
    """
    shell.run_cell("%energy on")
    counts = [len(run(shell, cell)[1]) for cell in ("burn(0.001)", "burn(0.001)", "%energy off", "burn(0.001)")]
    assert [1, 1, 1, 0] == counts


def test_a_statement_is_measured_on_its_line(shell):
    """
    And nothing shows the newest call again.
    """
    result, _ = run(shell, "%energy burn(0.01)")
    assert ["burn(0.01)", True] == [result.result.record["label"], result.result.cpu_s > 0.005]
    again, _ = run(shell, "%energy")
    assert again.result is result.result


def test_the_extension_can_be_reloaded(shell):
    """
    One display per cell, not two; unloaded it does nothing.
    """
    shell.run_line_magic("reload_ext", "greensdk")
    assert 1 == len(run(shell, "%%energy\n1")[1])


@pytest.mark.parametrize("text", ["--repeat", "--repeat 0", "--repeat x", "--often"])
def test_what_is_not_understood_is_said(text):
    """
    With the usage.
    """
    with pytest.raises(ValueError, match=r"%%energy \[LABEL\] \[--repeat N\]"):
        arguments(text)


@pytest.mark.slow
def test_the_example_notebook_runs_in_a_kernel():
    """
    Every cell; the measured ones have joules on the page.
    """
    import nbformat
    from nbclient import NotebookClient

    path = Path(__file__).parents[3] / "examples" / "notebook.ipynb"
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    shown = json.dumps([cell.get("outputs", []) for cell in notebook.cells])
    assert [True, False] == [" J [" in shown, '"output_type": "error"' in shown]
