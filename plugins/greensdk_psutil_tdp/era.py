"""
When a part was launched, told by its name; and whether it is one for desktops.

Makers number their parts by generation, so the year of a whole generation is enough: the power model only asks
whether a part is from before 2014 (and by how many years) and whether it is from 2017 or later. Years of launch:
Intel ARK (ark.intel.com) and AMD's product pages (amd.com/en/products/specifications).
"""

import re

MODERN = 2017
"""From this year on the parts are those that the power model was fitted on."""

_XEON = {"51": 2006, "30": 2006, "32": 2007, "52": 2007, "53": 2007, "54": 2007, "72": 2007, "73": 2007}
_XEON |= {"31": 2008, "33": 2008, "74": 2008, "34": 2009, "35": 2009, "55": 2009, "36": 2010, "56": 2010}
_XEON |= {"65": 2010, "75": 2010}
_OPTERON = {"12": 2006, "22": 2006, "82": 2006, "13": 2008, "23": 2008, "83": 2008, "24": 2009, "84": 2009}
_OPTERON |= {"41": 2010, "61": 2010, "32": 2011, "42": 2011, "62": 2011, "33": 2012, "43": 2012, "63": 2012}

# a word, a pattern, and what its group means, or the year itself. The first that fits decides. The word spares a
# worker the compiling of patterns that can't fit.
_GENERATIONS: tuple[tuple[str, str, dict[str, int] | int], ...] = (
    ("xeon", r"(?:bronze|silver|gold|platinum) \d(\d)", {"1": 2017, "2": 2019, "3": 2021, "4": 2023, "5": 2023}),
    ("xeon e-", r"e-2(\d)", {"1": 2018, "2": 2019, "3": 2021, "4": 2023}),
    (" v", r"e[357]-\d{4}\w* v(\d)", {"2": 2013, "3": 2014, "4": 2016, "5": 2015, "6": 2017}),
    ("xeon e", r"e[357]-[1248]\d{3}", 2012),
    ("xeon d", r"d-(\d)", {"1": 2015, "2": 2018}),
    ("xeon", r"xeon [elwx]?(\d\d)\d\d$", _XEON),
    ("xeon", r"xeon (?:w\d?-|[36]\d{3}|max)", 2017),
    ("opteron", r"opteron (\d\d)\d\d", _OPTERON),
    ("epyc", r"epyc \d\w\w(\d)", {"1": 2017, "2": 2019, "3": 2021, "4": 2022, "5": 2024}),
    ("core i", r"core i[3579]-(1\d|\d)\d{3}", {"2": 2011, "3": 2012, "4": 2013, "5": 2015, "6": 2015}),
    ("core i", r"core i[3579]-\d{3}", 2010),
    ("core", r"core 2|core duo|core2", 2006),
    ("pentium", r"pentium [d4]", 2006),
    ("core", "core ", MODERN),
    ("ryzen", "ryzen", MODERN),
    ("phenom", "phenom", 2009),
    ("athlon ii", "athlon", 2009),
    ("amd fx", "fx", 2012),
)


def launch_year(name: str) -> int | None:
    """
    Return the year in which the part's generation came out; None where the name doesn't tell.

    A generation of Core that is not in the table is a later one.

    Args:
        name: As :func:`greensdk_psutil_tdp.names.normalise` makes it.

    Example:
        >>> launch_year("intel xeon e5-2686 v4"), launch_year("amd epyc 7763"), launch_year("intel xeon")
        (2016, 2021, None)
    """
    for word, pattern, years in _GENERATIONS:
        found = re.search(pattern, name) if word in name else None
        if found:
            return years if isinstance(years, int) else years.get(found[1], MODERN if word == "core i" else None)
    return None


def spelled(cpu: str) -> str:
    """
    Return a part's name without its clock and with the maker in front, as tables and people write it in many ways.

    It brings ``2.6 GHz AMD Opteron 2435``, ``Intel Xeon E3-1220v2`` and ``Quad-Core AMD Opteron(tm) Processor 8376
    HE`` to the form of the CPU's own brand string. No letter of a model number is dropped.
    """
    name = cpu.lower().replace("(r)", " ").replace("(tm)", " ")
    name = " ".join(re.sub(r"\d[\d.]* ?[gm]hz", " ", name).split())
    for maker in ("intel", "amd"):
        name = name[name.find(maker) :] if f" {maker} " in name.partition("(")[0] else name
    name = re.sub(r"(e[357]-\d{4}[a-z]?)(v\d)", r"\1 \2", name)
    name = re.sub(r"(opteron \d{4})([a-z]{2})\b", r"\1 \2", name)
    return re.sub(r"^(?:intel )?(?=xeon |e[357]-\d|[elx]\d{4}\b)(?:xeon )?", "intel xeon ", name)


def is_desktop(name: str, cpu_class: str) -> bool:
    """
    Whether the part is one for desktops from 2017 on: Core and its kin, and the Xeon E3 and E made of the same silicon.
    """
    if cpu_class != "intel-client" and not name.startswith(("intel xeon e-", "intel xeon e3-")):
        return False
    return (launch_year(name) or MODERN) >= MODERN
