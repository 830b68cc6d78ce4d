"""
What a person is told once per process, in one line.
"""

from __future__ import annotations

from _warnings import warn_explicit  # of which `warnings` is made, and which needs no import when nothing can be opened

warned: set[str] = set()
"""What this process has been warned of already."""


def warn_once(text: str, about: str = "") -> None:
    """
    Warn of one thing once per process, in one line; where warnings are errors, stay silent rather than raise.

    Args:
        text: The line.
        about: What it is about, so that another text about it is no second warning; empty for the text itself.
    """
    if (about or text) in warned:
        return
    warned.add(about or text)
    try:
        # No line of ours is to blame, and which of the user's calls came first says nothing.
        warn_explicit(text, RuntimeWarning, "<greensdk>", 1)
    except RuntimeWarning:
        return
