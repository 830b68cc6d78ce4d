"""
The script that makes the generated tables, on small lists and on what it has made.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from greensdk_psutil_tdp.data import amd, intel

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "cpu_table.py"
LIST = """Name,TDP
Intel Xeon Gold 6130,125
Intel Xeon Gold 6130,125.0
Intel Celeron 1200,29.32.9
Intel Core 2 Quad Q6600,95
Intel Core 2 Quad  Q6600,105
Intel Quark Microcontroller D1000,0.0
Intel Xeon 3.0,110
Intel IOP341 I/O,11
Intel Core i7 processor 14701TE,45.0
"Intel EP80579 Integrated, 600 MHz",11.0
FX-8350,125
7th Gen A10-9700 APU,65
AMD 6th Gen AMD PRO A4-8350B APU,65.0
AMD Ryzen 9 6900HS\u200b,35
1075T,125
Apple M1,10
"""


@pytest.fixture
def script() -> ModuleType:
    """
    Load the script as a module.
    """
    spec = importlib.util.spec_from_file_location("cpu_table", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rows_become_keys_and_every_row_left_out_has_a_reason(script: ModuleType) -> None:
    """
    Malformed, ambiguous, no TDP: none of them gets in, and none goes silently.
    """
    watts, dropped = script.read(LIST)
    assert watts == {
        "intel xeon gold 6130": 125.0,
        "intel core i7-14701te": 45.0,
        "amd fx-8350": 125.0,
        "amd a10-9700": 65.0,
        "amd pro a4-8350b": 65.0,
        "amd ryzen 9 6900hs": 35.0,
    }
    assert dropped == {
        "malformed watts": ["Intel Celeron 1200: 29.32.9"],
        "no watts": ["Intel Quark Microcontroller D1000"],
        "named by its clock alone": ["Intel Xeon 3.0"],
        "not the name of a CPU": ["Intel IOP341 I/O", "Intel EP80579 Integrated, 600 MHz"],
        "not of a maker who tells a TDP, or a number alone": ["1075T", "Apple M1"],
        "ambiguous: one name, different watts": ["intel core 2 quad q6600: [95.0, 105.0]"],
    }


@pytest.mark.parametrize(("maker", "table"), [("intel", intel), ("amd", amd)])
def test_the_tables_in_the_package_are_what_the_script_makes_of_their_names(
    script: ModuleType, maker: str, table: ModuleType
) -> None:
    """
    To the last byte, so that no line can have been changed by hand; against the list itself, ``--check`` does it.
    """
    watts: dict[str, float] = {}
    for family, text in table.LINES.items():
        tdp_w = 0.0
        for word in text.replace("\n", "").split(";"):
            if word.startswith("="):
                tdp_w = float(word[1:])
            elif word:
                watts[f"{maker} {family} {word}".replace("  ", " ")] = tdp_w
    assert script.module(maker, watts) == Path(str(table.__file__)).read_text()


def test_a_made_module_holds_each_name_with_its_watts(script: ModuleType) -> None:
    """
    One group for each watt figure, names without what their group says.
    """
    made: dict[str, dict[str, str]] = {}
    exec(script.module("amd", script.read(LIST)[0]), made)
    assert made["LINES"] == {
        "": "\n;=65;a10-9700;=125;fx-8350;\n",
        "pro": "\n;=65;a4-8350b;\n",
        "ryzen": "\n;=35;9 6900hs;\n",
    }


def test_no_line_is_longer_than_the_code_around_it(script: ModuleType) -> None:
    """
    However many names there are.
    """
    text = script.module("intel", {f"intel xeon gold {number} v4": 100.0 + number % 7 for number in range(1000)})
    assert max(len(line) for line in text.splitlines()) <= 120


def test_another_list_than_the_named_release_is_refused(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Nothing is written from it; from the right one all is, and then checking finds no difference.
    """
    path = tmp_path / "cpu_power.csv"
    path.write_text(LIST)
    monkeypatch.setattr(script, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "argv", ["cpu_table.py", str(path)])
    assert script.main() == 2
    assert list(tmp_path.glob("*.py")) == []
    assert "3.3.2" in capsys.readouterr().out

    monkeypatch.setattr(script, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(sys, "argv", ["cpu_table.py", str(path), "--check"])
    assert script.main() == 1
    assert list(tmp_path.glob("*.py")) == []
    monkeypatch.setattr(sys, "argv", ["cpu_table.py", str(path)])
    assert script.main() == 0
    monkeypatch.setattr(sys, "argv", ["cpu_table.py", str(path), "--check"])
    assert script.main() == 0
    assert "left out, malformed watts: 1, such as Intel Celeron 1200: 29.32.9" in capsys.readouterr().out


def test_what_is_written_by_hand_is_compared_with_ark(script: ModuleType) -> None:
    """
    Base power, turbo power, cores and threads; what ARK leaves out, or we do, is no difference.
    """
    rows = [
        "CpuName,ProcessorBasePower,MaxTDP,MaxTurboPower,CoreCount,ThreadCount",
        "Intel® Core™ i7-12700K Processor,125 W,,190 W,12,20",
        "Intel® Core™ i7-1270P Processor,64 W,,64 W,12,16",
        "Intel® Xeon® Gold 6354 Processor (39M Cache),,205 W,,18,32",
        "Intel® N100,6 W,,,4,",
        "Intel® Core™ i7-99999X Processor,1 W,,,1,1",
    ]
    assert script.differences("\n".join(rows)) == [
        "intel core i7-1270p: 28 W, there 64",
        "intel xeon gold 6354: 36 threads, there 32",
    ]
