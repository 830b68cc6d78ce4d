"""
HTML in which everything is escaped that is not :class:`Html` already. Nothing else in the page makes markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape, unescape
from typing import Any

from greensdk.report.text import brief, shown

LONGEST = 120
"""Characters of somebody else's text that are shown; what is longer ends in an ellipsis."""
LONGEST_REASON = 600
"""Characters of a reason or an error that are shown."""
LONGEST_TITLE = 1000
"""Characters of it that a tooltip holds."""

VOID = frozenset({"meta", "wbr"})


class Html(str):
    """
    Text that is markup.
    """

    __slots__ = ()


def html(value: Any) -> Html:
    """
    Return `value` as markup: as it is when it is markup, else escaped, and shortened where it is very long.
    """
    return value if isinstance(value, Html) else Html(escape(brief(value, LONGEST_TITLE)))


def joined(parts: Iterable[Any]) -> Html:
    """
    Return the parts one after the other.
    """
    return Html("".join(map(html, parts)))


def tag(name: str, /, *children: Any, **attributes: Any) -> Html:
    """
    Return an element.

    Args:
        name: Its name.
        children: What is in it.
        attributes: An underscore stands for a hyphen, one at the end for nothing; None leaves the attribute out.

    Example:
        >>> tag("td", "<b>", class_="number")
        '<td class="number">&lt;b&gt;</td>'
    """
    named = ((key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items() if value is not None)
    start = name + "".join(f' {key}="{html(str(value))}"' for key, value in named)
    return Html(f"<{start}>" if name in VOID else f"<{start}>{joined(children)}</{name}>")


def name_of(value: Any, longest: int = LONGEST) -> Html:
    """
    Return a name that somebody else chose: cut where it is long, and never turning the text around it.
    """
    text = shown(value)
    whole = text[:LONGEST_TITLE] if len(text) > longest else None
    return tag("bdi", _breakable(brief(text, longest)), title=whole)


def _words(markup: Any) -> str:
    """Return the text in a piece of markup of our own making."""
    return unescape(re.sub(r"<[^>]*>", "", html(markup)))


def _breakable(text: str) -> Html:
    """Return text that may go on in a new line after a dot, a slash, a plus or an underscore, before anywhere else."""
    parts = re.split(r"(?<=[._/+])(?=[^\W\d])", text)
    return Html(tag("wbr").join(map(html, parts)))


def table(
    caption: Any, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, words: int = 1, last: int = 0
) -> Html:
    """
    Return a table whose first cell in each row is the row's heading.

    Args:
        caption: What it shows.
        columns: The headings.
        rows: The cells.
        words: How many columns, from the left, are words and not numbers.
        last: How many are so from the right.
    """
    numbers = range(words, len(columns) - last)
    kinds = [
        "number" if place in numbers else "word" if place < words else "word tail" for place in range(len(columns))
    ]
    head = [tag("th", title, scope="col", class_=kind) for title, kind in zip(columns, kinds, strict=True)]
    body = [
        tag(
            "tr",
            *(
                tag("td" if place else "th", cell, class_=kinds[place], scope=None if place else "row")
                for place, cell in enumerate(row)
            ),
        )
        for row in rows
    ]
    made = tag("table", tag("caption", tag("span", caption)), tag("thead", tag("tr", *head)), tag("tbody", *body))
    return tag("div", made, class_="scroll", tabindex="0", role="region", aria_label=_words(caption))
