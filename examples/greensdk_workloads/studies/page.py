"""
The page of a study: the question, the findings, pictures, tables, and where the numbers come from.
"""

from __future__ import annotations

import base64
import html
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from greensdk.schema.text import digits

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
figure { margin: 1.5rem 0; } figure img { max-width: 100%; background: #fff; border-radius: 6px; }
figcaption, .from { font-size: .9rem; opacity: .8; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } caption { text-align: left; padding: .3rem 0; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #8886; text-align: right; }
th:first-child, td:first-child { text-align: left; }
code { background: #8882; padding: .1rem .3rem; border-radius: 4px; }
"""


class Page:
    """
    A self-contained HTML page, written piece by piece.

    Args:
        title: The question of the study.
        command: The command line that made it.
    """

    def __init__(self, title: str, command: Sequence[str]) -> None:
        self.title = title
        self._command = command
        self._findings: list[str] = []
        self._parts: list[str] = []

    def findings(self, *lines: str) -> None:
        """
        Add paragraphs below the title, before everything else.
        """
        self._findings += [f"<p>{html.escape(line)}</p>" for line in lines]

    def picture(self, path: Path, caption: str) -> None:
        """
        Add the SVG at `path`, a stem without suffix.
        """
        code = base64.b64encode(path.with_suffix(".svg").read_bytes()).decode()
        text = html.escape(caption)
        image = f'<img alt="{text}" src="data:image/svg+xml;base64,{code}">'
        self._parts.append(f"<figure>{image}<figcaption>{text}</figcaption></figure>")

    def table(self, caption: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """
        Add a table.
        """
        head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
        body = "".join(f"<tr>{''.join(f'<td>{html.escape(_cell(cell))}</td>' for cell in row)}</tr>" for row in rows)
        self._parts.append(
            f'<div class="scroll"><table><caption>{html.escape(caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )

    def sources(self, lines: Iterable[str]) -> None:
        """
        Add the list of sources.
        """
        items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
        self._parts.append(f'<h2>Where the numbers come from</h2><ul class="from">{items}</ul>')

    def write(self, path: Path) -> None:
        """
        Write the page.
        """
        title, command = html.escape(self.title), html.escape(shlex.join(self._command))
        body = "".join([*self._findings, *self._parts])
        path.write_text(
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
            '<meta name="viewport" content="width=device-width">'
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
            f"style-src 'unsafe-inline'\"><style>{STYLE}</style><h1>{title}</h1>{body}"
            f"<footer>Command: <code>{command}</code></footer></html>",
            encoding="utf-8",
        )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return digits(value) if isinstance(value, float) else str(value)


def interval(low: float | None, high: float | None) -> str | None:
    """
    Return the two ends of an interval in one table cell.

    Example:
        >>> interval(1.2345, 2.5), interval(None, 2.5)
        ('1.23–2.5', None)
    """
    return None if low is None or high is None else f"{digits(low)}–{digits(high)}"
