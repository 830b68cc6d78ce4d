"""
Tables of countries and regions. Modules, not CSV files, because Lithops ships only ``*.py`` to its workers.
"""


def named(text: str) -> dict[str, str]:
    """
    Return the pairs in a text of ``NAME=VALUE; NAME=VALUE``, which may be wrapped into lines.
    """
    return dict(entry.split("=") for entry in text.replace("\n", " ").strip().split("; "))
