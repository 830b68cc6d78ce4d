"""
Make the generated part of the CPU table from codecarbon's list, or check that it is what this script makes.

    python benchmarks/cpu_table.py CSV            # write plugins/greensdk_psutil_tdp/data/{intel,amd}.py
    python benchmarks/cpu_table.py CSV --check    # exit 1 when the files there differ
    python benchmarks/cpu_table.py --ark ARK      # compare what is written by hand with a list of Intel ARK's

CSV is ``codecarbon/data/hardware/cpu_power.csv`` of the release named below: ``pip download --no-deps
codecarbon==3.3.2`` and unpack the wheel. Another file than that is refused: a new release means a new RELEASE and
SHA256 here, and a look at the counts that are printed.

ARK is a CSV file with ARK's own columns (``CpuName``, ``ProcessorBasePower``, ``MaxTDP``, ``MaxTurboPower``,
``CoreCount``, ``ThreadCount``), as scrapers of https://ark.intel.com write it. Nothing is taken from it: the
differences are printed, for a person to look at.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import re
import sys
import textwrap
from collections import Counter, defaultdict
from pathlib import Path

from greensdk_psutil_tdp.data import core, threads
from greensdk_psutil_tdp.parts import LINES
from greensdk_psutil_tdp.table import find, normalise, split

from greensdk.machine.hardware import classify

FOLDER = Path(__file__).resolve().parents[1] / "plugins" / "greensdk_psutil_tdp" / "data"
RELEASE = "3.3.2"
SHA256 = "0fad5224a6c4037311a86f7a2baf578ccd08787a7ba31a930b2e857c74c91b9d"
MAKERS = {"intel": "Intel", "amd": "AMD"}
# AMD's lists leave the maker out: "FX-8350", "7th Gen A10-9700 APU", "Athlon II X2 250".
AMD_FAMILIES = ("a4", "a6", "a8", "a9", "a10", "a12", "athlon", "e1", "e2", "fx", "pro", "sempron", "phenom")
WIDTH = 120
COLUMNS = ("MaxTurboPower", "CoreCount", "ThreadCount")
BY_HAND = {word for text in LINES.values() for word in text.replace("\n", "").split(";") if word and word[0] != "="}

HEAD = '''"""
Thermal design power of {count} parts of {maker}. Made by benchmarks/cpu_table.py: change that, not this.

Source: codecarbon {release}, data/hardware/cpu_power.csv, under the MIT licence that stands in data/__init__.py;
sha256 {sha256}. The names were normalised, and some left out.
A module, not a CSV file, because Lithops ships only ``*.py`` to its workers.

``LINES``: family to ``;=WATTS;name;name;=WATTS;name;``. Maker, family and name make the whole name.
"""

LINES = {{
'''


def read(text: str) -> tuple[dict[str, float], dict[str, list[str]]]:
    """
    Return watts by normalised name, and by reason the rows that were left out.
    """
    watts: dict[str, set[float]] = defaultdict(set)
    dropped: dict[str, list[str]] = defaultdict(list)
    for name, value in list(csv.reader(text.splitlines()))[1:]:
        key = key_of(name)
        if not value.replace(".", "", 1).isdigit():
            dropped["malformed watts"].append(f"{name}: {value}")
        elif float(value) <= 0:
            dropped["no watts"].append(name)
        elif split(key)[0] not in MAKERS:
            dropped["not of a maker who tells a TDP, or a number alone"].append(name)
        elif classify(key) in ("unknown", "masked-intel", "masked-amd") or " and " in key:
            dropped["not the name of a CPU"].append(name)
        elif re.fullmatch(r"\d\.\d+[a-z]?", key.split()[-1]):
            dropped["named by its clock alone"].append(name)
        else:
            watts[key].add(float(value))
    for key in [key for key, values in watts.items() if len(values) > 1]:
        dropped["ambiguous: one name, different watts"].append(f"{key}: {sorted(watts.pop(key))}")
    return {key: values.pop() for key, values in watts.items()}, dropped


def key_of(name: str) -> str:
    """
    Return the key of a row: ``FX-8350`` is a part of AMD's, and ``AMD 6th Gen AMD PRO A4-8350B APU`` names it twice.
    """
    words = [word for word in normalise(name).split() if word != "amd"]
    mine = name.startswith("AMD") or (words and words[0].partition("-")[0] in AMD_FAMILIES)
    return " ".join(["amd", *words]) if mine else " ".join(words)


def module(maker: str, watts: dict[str, float]) -> str:
    """
    Return the text of one maker's module.
    """
    groups: dict[str, dict[float, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name in sorted(watts):
        owner, family, rest = split(name)
        if owner == maker:
            groups[family][watts[name]].append(rest)
    count = sum(len(rests) for group in groups.values() for rests in group.values())
    head = HEAD.format(maker=MAKERS[maker], release=RELEASE, sha256=SHA256, count=count)
    return head + "".join(f'    "{family}": """\n{body(groups[family])}""",\n' for family in sorted(groups)) + "}\n"


def body(group: dict[float, list[str]]) -> str:
    """
    Return the lines of one family, none of them longer than the code around it.
    """
    words = [
        word for value in sorted(group) for word in (f"={value:g}", *(name.replace(" ", "_") for name in group[value]))
    ]
    lines = textwrap.wrap(" ".join(words), WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    return "".join(f";{line.replace(' ', ';').replace('_', ' ')};\n" for line in lines)


def names(lines: dict[str, str], maker: str) -> list[str]:
    """
    Return the names in a table of text.
    """
    words = [(family, word) for family, text in lines.items() for word in text.replace("\n", "").split(";")]
    return [f"{maker} {family} {word}".replace("  ", " ") for family, word in words if word and word[0] != "="]


def differences(text: str) -> list[str]:
    """
    Return where the tables written by hand and a list of ARK's say different things of one part.
    """
    said = []
    by_hand = {*names(core.LINES, "intel"), *names(threads.LINES, "intel"), *BY_HAND}
    for row in csv.DictReader(text.splitlines()):
        name = normalise(re.sub(r"\bprocessor\b", "", row["CpuName"].lower()))
        part = find(name) if name in by_hand else None
        if part is None:
            continue
        base, peak, cores, count = (
            float(re.sub(r"[^\d.]", "", value.partition("W")[0]) or 0)
            for value in (row["ProcessorBasePower"] or row["MaxTDP"], *(row[key] for key in COLUMNS))
        )
        theirs = {
            "W": (part[0], base),
            "W turbo": (part[5], peak),
            "cores": (part[1], cores),
            "threads": (part[2], count),
        }
        said += [f"{name}: {a:g} {key}, there {b:g}" for key, (a, b) in theirs.items() if a and b and a != b]
    return said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("csv", type=Path, nargs="?")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    parser.add_argument("--ark", type=Path, help="compare with a list of Intel ARK's instead")
    arguments = parser.parse_args()
    if arguments.ark:
        print("\n".join(differences(arguments.ark.read_text(encoding="utf-8-sig"))) or "no differences")
        return 0
    if arguments.csv is None:
        parser.error("CSV or --ark ARK is missing")
    data = arguments.csv.read_bytes()
    if hashlib.sha256(data).hexdigest() != SHA256:
        print(f"{arguments.csv} is not the cpu_power.csv of codecarbon {RELEASE}")
        return 2
    watts, dropped = read(data.decode())
    differ = 0
    for maker in MAKERS:
        path = FOLDER / f"{maker}.py"
        text = module(maker, watts)
        if arguments.check:
            differ |= text != (path.read_text() if path.exists() else "")
        else:
            path.write_text(text)
    print(f"{len(watts)} names: {dict(Counter(split(name)[0] for name in watts))}")
    for reason, rows in dropped.items():
        print(f"left out, {reason}: {len(rows)}, such as {'; '.join(rows[:5])}")
    for name in sorted(watts.keys() & BY_HAND):
        if (by_hand_w := (find(name) or (None,))[0]) != watts[name]:
            print(f"by hand {by_hand_w} W, there {watts[name]:g} W: {name}")
    print("the files differ from these" if differ else "the files are these")
    return int(bool(differ))


if __name__ == "__main__":
    sys.exit(main())
