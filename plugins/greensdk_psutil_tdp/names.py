"""
Brand strings as keys: what every name is reduced to before it is looked up, and what a name itself tells.
"""

_MARKS = ("(r)", "(tm)", "(c)", "\u00ae", "\u2122", "\u200b")
_TAILS = ("@", "(", " with ", " w/", " radeon ")
# A lone 0 follows the model number of Xeons from 2012: "CPU E5-2680 0 @ 2.70GHz".
_DROPPED = frozenset(("cpu", "processor", "apu", "gen", "0"))
_CORE_I = frozenset(("i3", "i5", "i7", "i9"))


def normalise(model: str) -> str:
    """
    Reduce a brand string to the words that tell parts apart: ``Intel(R) Xeon(R) CPU E5-2686 v4 @ 2.30GHz`` to
    ``intel xeon e5-2686 v4``, ``AMD FX(tm)-8350 Eight-Core Processor`` to ``amd fx-8350``.

    Two parts never become one: no letter of a model number is dropped. Doing it twice changes nothing.
    """
    name = model.lower()
    for mark in _MARKS:
        name = name.replace(mark, " ")
    name = " ".join(name.split())
    for tail in _TAILS:
        name = name.partition(tail)[0]
    words: list[str] = []
    for word in name.split():
        if word in _DROPPED or _is_count(word):
            continue
        # "FX(tm)-8350", and the "Core i7 860" of 2009, which its maker's list has as "i7-860"
        if words and word[:1] == "-":
            words[-1] += word
        elif words and words[-1] in _CORE_I and word[:1].isdigit():
            words[-1] += f"-{word}"
        else:
            words.append(word)
    return " ".join(words)


def cores(model: str) -> int | None:
    """
    Return the cores that AMD prints into its names, ``EPYC 7763 64-Core Processor``; None where there are none.
    """
    counts = [word.partition("-core") for word in model.lower().split()]
    return next((int(count) for count, core, _ in counts if core and count.isascii() and count.isdigit()), None)


def _is_count(word: str) -> bool:
    # "64-core", "64-cores", and the "11th" of "11th Gen"
    return word.endswith(("-core", "-cores")) or (word[:1].isdigit() and word.endswith(("st", "nd", "rd", "th")))


def letters(name: str) -> str:
    """
    Return the letters after a client part's model number, which say what it was made for; "" where there are none.

    >>> letters("intel core i7-13700hx"), letters("intel core ultra 7 356h"), letters("amd ryzen 9 9950x3d")
    ('hx', 'h', 'x3d')
    """
    plain = name.translate(str.maketrans("", "", " -+")).isalnum()
    if not plain or sum(sum(each.isdigit() for each in word) >= 3 for word in name.split()) != 1:
        return ""  # no model number, or two
    last = name.rpartition(" ")[2].rpartition("-")[2]
    number = last[: len(last) - len(last.lstrip("0123456789"))]
    ending = last[len(number) :]
    return ending if 3 <= len(number) <= 5 and ending.isalnum() else ""
