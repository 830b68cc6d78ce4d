"""
Names that somebody else chose, made harmless: in a terminal, on a page, in a line of text.
"""

from __future__ import annotations

import re
from typing import Any

_UNSEEN = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ufffe\uffff]"
)
"""Characters that show nothing, steer a terminal, break lines, or turn the direction of the text after them."""


def shown(value: Any) -> str:
    r"""
    Return text in which every character can be seen and encoded.

    Example:
        >>> shown("a\nb"), shown("x\ud800"), shown("\x1b[2J"), shown(None)
        ('a\\nb', 'x\\ud800', '\\x1b[2J', '-')
    """
    text = "-" if value is None else str(value)
    text = _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
    return text.encode("utf-8", "backslashreplace").decode()


def brief(value: Any, longest: int = 120) -> str:
    """
    Return the same, cut where it is long.

    Example:
        >>> brief("abcdef", 4), brief(["a"])
        ('abc…', "['a']")
    """
    text = shown(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def plain(value: Any, longest: int) -> str:
    """
    Return letters and signs of ASCII alone, cut in the middle where there are many: pictures' fonts lack others.

    Example:
        >>> plain("node-🌱", 20), plain("0123456789", 7)
        ('node-?', '012~789')
    """
    text = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in str(value)[:10_000])
    half = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[:half]}~{text[-half:]}"


SCRIPTS = frozenset({"bat", "cmd", "exe", "jar", "js", "pl", "py", "rb", "sh"})


def display_name(function: Any, label: Any) -> Any:
    """
    Return what a call goes by: its function; the label of a block, and of a command that has one.

    Example:
        >>> display_name("module.work", "x"), display_name(None, "x"), display_name("python3.11", "x")
        ('module.work', 'x', 'x')
    """
    if label is None or function is None:
        return label if function is None else function
    *module, name = str(function).split(".")
    is_function = module and name not in SCRIPTS and (name.isidentifier() or name.startswith("<"))
    return function if is_function else label
