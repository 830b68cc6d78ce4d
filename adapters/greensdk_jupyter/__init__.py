"""
Notebooks and IPython: ``%load_ext greensdk``, then ``%%energy`` on a cell, ``%energy`` before a statement.

A cell magic can't await in a kernel, so ``%%energy`` is taken away by an input transformer, and the ordinary cell that
is left runs between two events of IPython, awaiting or not.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greensdk import track

CELL = "%%energy"
USAGE = "%%energy [LABEL] [--repeat N]"
SWITCHES = ("on", "off")


class Cells:
    """
    Measures cells of one shell.

    Args:
        shell: The running one.

    Attributes:
        always: Measure every cell.
        last: The newest measured call; None before the first.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.always = False
        self.last: track | None = None
        self._call: track | None = None

    def begin(self, info: Any) -> None:
        """
        Begin a block before a cell runs. The event knows the cell as it was typed.
        """
        first = str(info.raw_cell or "").lstrip().partition("\n")[0]
        asked = first.startswith(CELL)
        if info.silent or self._call is not None or not (asked or self.always):
            return
        from greensdk import track

        label, _ = arguments(first[len(CELL) :]) if asked else (None, 1)
        self._call = track(label or f"In[{self.shell.execution_count}]", sink=[])
        self._call.__enter__()

    def end(self, result: Any) -> None:
        """
        End the block, and show what it took.
        """
        call, self._call = self._call, None
        if call is None:
            return
        from importlib import import_module

        error = result.error_before_exec or result.error_in_exec
        call.__exit__(type(error) if error else None, error, None)
        self.last = call
        import_module("IPython.display").display(call)

    def transform(self, lines: list[str]) -> list[str]:
        """
        Take ``%%energy`` away from a cell; with ``--repeat N`` the rest runs N times.
        """
        if not lines or not lines[0].startswith(CELL):
            return lines
        _, repeat = arguments(lines[0][len(CELL) :])
        if repeat == 1:
            return lines[1:]
        return [f"for _ in range({repeat}):\n", *("    " + line for line in lines[1:])]

    def line(self, line: str) -> track | None:
        """
        Measure a statement; ``on`` and ``off`` measure every cell; nothing shows the newest call.
        """
        word = line.strip()
        if word in SWITCHES:
            self.always = word == "on"
            return None
        if not word:
            return self.last
        from greensdk import track

        source = self.shell.transform_cell(word)
        try:
            code = compile(source.strip(), "<energy>", "eval")
        except SyntaxError:
            code = compile(source, "<energy>", "exec")
        with track(word[:60], sink=[]) as call:
            exec(code, self.shell.user_ns)  # noqa: S102 - it is what the user has typed
        self.last = call
        return call


def arguments(text: str) -> tuple[str | None, int]:
    """
    Read what stands behind ``%%energy``.

    Returns:
        The label, None without one, and how often the cell is to run.

    Raises:
        ValueError: It can't be understood.

    Example:
        >>> arguments(" --repeat 3 load phase"), arguments("")
        (('load phase', 3), (None, 1))
    """
    words, repeat = shlex.split(text), 1
    if "--repeat" in words:
        place = words.index("--repeat")
        number = words[place + 1] if place + 1 < len(words) else ""
        if not number.isdigit() or number == "0":
            raise ValueError(f"--repeat takes a whole number above 0: {USAGE}")
        repeat = int(number)
        del words[place : place + 2]
    if unknown := next((word for word in words if word.startswith("--")), None):
        raise ValueError(f"{unknown} is unknown: {USAGE}")
    return " ".join(words) or None, repeat


_loaded: dict[int, Cells] = {}
"""By the id of the shell."""


def load_ipython_extension(shell: Any) -> None:
    """
    Add the magics, and open the meters, so that the first cell does not wait for it.
    """
    from greensdk import track

    with track("warm-up", sink=[]):
        pass
    cells = _loaded[id(shell)] = Cells(shell)
    shell.input_transformers_cleanup.append(cells.transform)
    shell.events.register("pre_run_cell", cells.begin)
    shell.events.register("post_run_cell", cells.end)
    shell.register_magic_function(cells.line, "line", "energy")


def unload_ipython_extension(shell: Any) -> None:
    """
    Take everything away again.
    """
    cells = _loaded.pop(id(shell), None)
    if cells is None:
        return
    shell.input_transformers_cleanup.remove(cells.transform)
    shell.events.unregister("pre_run_cell", cells.begin)
    shell.events.unregister("post_run_cell", cells.end)
    shell.magics_manager.magics["line"].pop("energy", None)
