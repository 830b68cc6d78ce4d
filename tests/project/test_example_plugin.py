"""
The example of a third party's plugin, as a stranger gets it: two wheels in a fresh environment.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]
EXAMPLE = TREE / "examples" / "third_party_plugin"
SCRIPT = """
from greensdk import energy_tracked

@energy_tracked
def work():
    return sum(range(200_000))

work()
"""

pytestmark = pytest.mark.slow


class Environment:
    """
    A virtual environment with greensdk and the plugin from their wheels.

    The libraries they need come from the environment in which the tests run, so that no network is asked.
    """

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        self.run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
        # hatchling comes from the network only where it is not installed beside the tests (tox).
        build = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
        self.run(*PIP, "wheel", "-q", "--no-deps", *build, "-w", folder / "wheels", TREE, EXAMPLE)
        self.wheels = sorted((folder / "wheels").glob("*.whl"))
        self.run(*PIP, "--python", self.bin / "python", "install", "-q", "--no-deps", "--no-index", *self.wheels)
        paths = {
            name: Path(self.python(f"import sysconfig; print(sysconfig.get_path({name!r}))").strip()) for name in LIBS
        }
        for name, site in paths.items():
            (site / f"tests_{name}.pth").write_text(sysconfig.get_path(name) + "\n")

    def run(self, *command: str | Path, cwd: Path | None = None, **environ: str) -> str:
        """
        Run a command that must succeed, without anything of this process' configuration; return its output.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GREENSDK_", "PYTHON"))}
        done = subprocess.run(command, cwd=cwd, env=kept | environ, capture_output=True, text=True, check=False)
        assert 0 == done.returncode, done.stdout + done.stderr
        return done.stdout

    def python(self, code: str, cwd: Path | None = None, **environ: str) -> str:
        """
        Run code in the environment.
        """
        return self.run(self.bin / "python", "-c", code, cwd=cwd, **environ)


PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
LIBS = ("purelib", "platlib")


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """
    Build and install once for all tests here.
    """
    pytest.importorskip("pip")
    return Environment(tmp_path_factory.mktemp("example"))


def record(environment, cwd: Path, **environ: str) -> dict:
    """
    Return the one record that the script leaves.
    """
    environment.python(SCRIPT, cwd, **environ)
    (line,) = (cwd / "energy.jsonl").read_text().splitlines()
    return json.loads(line)


def test_both_are_installed_from_their_wheels(environment):
    """
    Neither comes from the tree, or from where the tests run.
    """
    where = environment.python(
        "import greensdk, greensdk_plug; print(greensdk.__file__); print(greensdk_plug.__file__)"
    )

    assert ["greensdk-", "greensdk_plug-"] == [wheel.name[: wheel.name.index("-") + 1] for wheel in environment.wheels]
    assert all(str(environment.bin.parent) in line for line in where.splitlines())


def test_its_reading_and_its_fields_are_in_the_record(environment, tmp_path):
    """
    A script without any reference to it is measured by it.
    """
    found = record(environment, tmp_path, GREENSDK_PLUG_WATTS="45")

    (reading,) = [each for each in found["readings"] if each["monitor"] == "plug"]
    assert "wall" == reading["boundary"]
    assert reading["energy_j"] > 0
    assert {"watts": 45.0} == reading["attributes"]
    assert "45" == found["plug"]["known_w"]
    assert "plug" not in found["errors"]


def test_it_stays_silent_without_its_setting(environment, tmp_path):
    """
    It is unknown what the meter shows, so there is no number of it.
    """
    found = record(environment, tmp_path)

    assert "plug" not in [each["monitor"] for each in found["readings"]]
    assert {"call_w": None, "known_w": None} == found["plug"]


def test_it_can_be_switched_off(environment, tmp_path):
    """
    Its monitor, its fields, and its row.
    """
    found = record(environment, tmp_path, GREENSDK_PLUG_WATTS="45", GREENSDK_DISABLE="plug")

    assert "plug" not in [each["monitor"] for each in found["readings"]]
    assert "plug" not in found
    rows = json.loads(environment.run(environment.bin / "greensdk", "plugins", "--json", GREENSDK_DISABLE="plug"))
    assert "plug" not in [row["name"] for row in rows]


def test_the_command_names_it(environment, tmp_path):
    """
    With its distribution, its hooks, and no error.
    """
    rows = json.loads(environment.run(environment.bin / "greensdk", "plugins", "--json", cwd=tmp_path))
    (row,) = [row for row in rows if row["name"] == "plug"]

    assert "greensdk_plug 0.1.0" == row["origin"]
    assert ["greensdk_enrich", "greensdk_register_monitors"] == row["hooks"]
    assert not row["error"]


def test_a_worker_that_measures_with_it_imports_no_pluggy(environment, tmp_path):
    """
    Its hooks are a module of their own.
    """
    code = (
        "import sys, pickle\nfrom greensdk import energy_tracked\nfrom greensdk.configure.config import resolve\n"
        "from greensdk.calls import Call, bind\n"
        "print(resolve({'monitors': ['plug'], 'sink': 'memory:', 'plug': {'watts': 45}}))"
    )
    spec = environment.python(code, tmp_path)
    worker = (
        f"import sys\nfrom greensdk import capture\nfrom greensdk.calls import Call, bind\nspec = {spec}"
        "with capture() as records:\n    bind(Call, sum, spec)([1])\n"
        "assert {'call_w', 'known_w'} == records[0]['plug'].keys() and 'pluggy' not in sys.modules, records\n"
    )
    environment.python(worker, tmp_path)


def test_its_own_tests_pass(environment):
    """
    As its README says to run them.
    """
    command = [environment.bin / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    output = environment.run(*command, "-c", EXAMPLE / "pyproject.toml", EXAMPLE / "tests", PYTHONDONTWRITEBYTECODE="1")

    assert ["passed"] == re.findall(r"\d+ ([a-z]+)", output.splitlines()[-1])
