"""
The command line as a whole: help, plugins' commands, and one clear line for each user error.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import warnings
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from greensdk.cli import COMMANDS, Cli, cli, complain
from greensdk.schema.text import joules
from greensdk.version import __version__

HEAVY = (
    "lithops",
    "duckdb",
    "matplotlib",
    "numpy",
    "scipy",
    "boto3",
    "rich",
    "psutil",
    "cpuinfo",
    "orjson",
    "jsonschema",
)

PLUGIN = """
import click
from greensdk.hookspecs import hookimpl

@click.command()
def hello():
    "Greet."
    click.echo("hello from a plugin")

@click.command()
def doctor():
    click.echo("an impostor")

@hookimpl
def greensdk_register_commands(cli):
    cli.add_command(hello)
    cli.add_command(doctor)

@hookimpl
def greensdk_enrich(record):
    return None
"""
RUDE = """
from greensdk.hookspecs import hookimpl

@hookimpl
def greensdk_register_commands(cli):
    raise RuntimeError("bad day")
"""


@pytest.fixture
def third_party(tmp_path):
    """
    Install two plugins that add commands, one of which fails.
    """
    site = tmp_path / "site"
    (site / "acme-1.0.dist-info").mkdir(parents=True)
    (site / "acme-1.0.dist-info" / "entry_points.txt").write_text("[greensdk]\nacme = acme\nrude = rude\n")
    (site / "acme.py").write_text(PLUGIN)
    (site / "rude.py").write_text(RUDE)
    return {"PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}


def test_help_lists_every_command_and_imports_nothing_heavy():
    """
    Asked for by every shell completion and every newcomer.
    """
    code = (
        "import sys\nfrom greensdk.cli import main\nsys.argv[1:] = ['--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"print('heavy:', sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("heavy: []\n")
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name):
    """
    Its own --help works and says more than its name.
    """
    done = CliRunner().invoke(cli, [name, "--help"])
    assert 0 == done.exit_code
    assert f"Usage: cli {name}" in done.stdout


def test_without_a_command_it_shows_the_help():
    """
    And exits with 0.
    """
    done = CliRunner().invoke(cli, [])
    assert 0 == done.exit_code
    assert "Commands:" in done.stdout


def test_the_version_is_printed(command):
    """
    For bug reports.
    """
    assert f"greensdk {__version__}\n" == command("--version").stdout


def test_a_plugins_command_is_listed_and_runs(command, third_party):
    """
    Also beside a plugin that fails.
    """
    assert "hello Greet." in " ".join(command("--help", **third_party).stdout.split())
    assert "hello from a plugin\n" == command("hello", **third_party).stdout


def test_a_plugin_can_not_replace_a_built_in_command(command, third_party):
    """
    ``greensdk doctor`` is still greensdk's.
    """
    assert "Check which energy sources work here" in command("doctor", "--help", **third_party).stdout


def test_plugins_lists_every_plugin_with_what_it_offers(command, third_party):
    """
    Its origin, its hooks, and the error of one that breaks when it adds its commands.
    """
    rows = json.loads(command("plugins", "--json", **third_party).stdout)
    assert ["greensdk", "acme", "rude"] == [row["name"] for row in rows]
    own, acme, broken = rows
    assert {"rapl", "psutil-tdp"} <= set(own["offers"]["monitors"])
    assert {"file", "stdout", "memory"} <= set(own["offers"]["sinks"])
    assert "acme 1.0" == acme["origin"]
    assert ["acme"] == acme["offers"]["enrichers"]
    assert ["greensdk_enrich", "greensdk_register_commands"] == acme["hooks"]
    assert "RuntimeError: bad day" == broken["error"]


def test_plugins_in_a_pipe_is_one_line_per_plugin(command, third_party):
    """
    A heading and the rows.
    """
    lines = command("plugins", COLUMNS="20", **third_party).stdout.splitlines()
    assert ["plugin", "greensdk", "acme", "rude"] == [line.split()[0] for line in lines]


MISTAKES = [
    ({"greensdk.toml": "labell = 'x'\n"}, {}, ["doctor"], "greensdk.toml: unknown key 'labell'; did you mean 'label'?"),
    ({"greensdk.toml": "labell = 'x'\n"}, {}, ["run", "true"], "greensdk.toml: unknown key 'labell'"),
    ({"greensdk.toml": "label = \n"}, {}, ["doctor"], "greensdk.toml: not valid TOML"),
    ({"pyproject.toml": "[tool.greensdk\n"}, {}, ["run", "true"], "pyproject.toml: not valid TOML"),
    ({"greensdk.toml": "[rapl]\nrot = '/x'\n"}, {}, ["doctor"], "did you mean 'root'?"),
    ({"greensdk.toml": "[rappl]\nroot = '/x'\n"}, {}, ["run", "true"], "did you mean 'rapl'?"),
    ({"greensdk.toml": "strict = 'maybe'\n"}, {}, ["doctor"], "greensdk.toml: strict = 'maybe'"),
    ({}, {"GREENSDK_MONITORS": "rappl"}, ["doctor"], "unknown monitor 'rappl'; did you mean 'rapl'?"),
    ({}, {"GREENSDK_MONITORS": "rappl"}, ["run", "true"], "unknown monitor 'rappl'"),
    ({}, {"GREENSDK_STRICT": "maybe"}, ["run", "true"], "GREENSDK_STRICT = 'maybe': expected yes or no"),
    ({}, {"GREENSDK_LABLE": "x"}, ["run", "true"], "did you mean GREENSDK_LABEL?"),
    ({}, {"GREENSDK_SINK": "s4://bucket"}, ["run", "true"], "unknown sink 's4'"),
    ({"taken": ""}, {"GREENSDK_SINK": "taken/e.jsonl"}, ["run", "touch", "ran"], "nothing was run"),
    ({}, {}, ["run", "no-such-command"], "run: no-such-command: no such command"),
    ({}, {}, ["run"], "Missing argument"),
    ({}, {}, ["run", "--colour", "true"], "No such option"),
    ({}, {}, ["rnu"], "No such command 'rnu'"),
    ({}, {}, ["export", "--too", "csv"], "No such option '--too'. Did you mean '--to'? See 'greensdk export --help'."),
    ({}, {}, ["export", "x.db", "x"], "Missing option '--to'. Choose from: sqlite, csv, parquet,"),
    ({}, {}, ["demo", "--points", "many"], "'many' is not a valid integer"),
    ({}, {}, ["validate", "nothing"], "nothing: no such file or folder"),
]


@pytest.mark.parametrize(("files", "variables", "arguments", "expected"), MISTAKES)
def test_a_mistake_is_one_clear_line(monkeypatch, files, variables, arguments, expected):
    """
    On standard error, beginning with our name; exit code 2; nothing run.
    """
    for name, text in files.items():
        Path(name).write_text(text)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(cli, arguments, prog_name="greensdk")
    assert 2 == done.exit_code, done
    (line,) = done.stderr.splitlines()
    assert line.startswith("greensdk: ")
    assert expected in line
    assert "" == done.stdout
    assert not Path("ran").exists()


@pytest.fixture
def without_lithops(tmp_path):
    """
    Return the variables of a Python in which Lithops is not installed.
    """
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "sitecustomize.py").write_text(
        "import sys\n"
        "class Blocker:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'lithops':\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Blocker())\n"
    )
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path / "blocked"), os.environ.get("PYTHONPATH", "")])}


def test_demo_without_lithops_says_what_to_install(command, without_lithops):
    """
    And leaves no file behind.
    """
    done = command("demo", **without_lithops)
    assert 2 == done.returncode
    expected = 'greensdk: greensdk demo needs lithops, which is not installed: pip install "greensdk[lithops]"\n'
    assert expected == done.stderr
    assert not Path("energy.jsonl").exists()


def test_doctor_without_lithops_says_what_to_install(command, without_lithops):
    """
    The rest of the survey is there.
    """
    found = json.loads(command("doctor", "--json", **without_lithops).stdout)
    (row,) = (row for row in found["adapters"] if row["name"] == "lithops")
    assert ("lithops is not installed", 'pip install "greensdk[lithops]"') == (row["reason"], row["fix"])
    assert found["monitors"]


def test_an_interrupt_exits_130():
    """
    Without a traceback.
    """

    @click.command()
    def wait():
        raise KeyboardInterrupt

    group = Cli("greensdk")
    group.extended = True
    group.add_command(wait)
    done = CliRunner().invoke(group, ["wait"])
    assert 130 == done.exit_code
    assert "Traceback" not in done.output


def test_a_file_that_fails_under_a_command_is_one_line():
    """
    The operating system's message, with the file's name.
    """

    @click.command()
    def look():
        Path("/nonexistent/file").read_text()

    group = Cli("greensdk")
    group.extended = True
    group.add_command(look)
    done = CliRunner().invoke(group, ["look"])
    assert (2, "greensdk: /nonexistent/file: No such file or directory\n") == (done.exit_code, done.stderr)


@pytest.mark.parametrize(("text", "is_ours"), [("greensdk could not write", True), ("numpy is old", False)])
def test_our_warnings_are_lines_and_those_of_others_stay_as_they_are(text, is_ours):
    """
    A failed sink is a plain line; a library's deprecation warning keeps its file and source line.
    """

    @click.command()
    def warn():
        warnings.simplefilter("always", append=True)
        warnings.warn(text, RuntimeWarning if is_ours else DeprecationWarning, stacklevel=1)

    group = Cli("greensdk")
    group.extended = True
    group.add_command(warn)
    if is_ours:
        assert f"{text}\n" == CliRunner().invoke(group, ["warn"]).stderr
    else:
        assert isinstance(CliRunner().invoke(group, ["warn"]).exception, DeprecationWarning)


def test_a_bug_is_not_hidden():
    """
    An error that the user can't correct keeps its traceback.
    """

    @click.command()
    def broken():
        raise ZeroDivisionError

    group = Cli("greensdk")
    group.extended = True
    group.add_command(broken)
    assert isinstance(CliRunner().invoke(group, ["broken"]).exception, ZeroDivisionError)


def test_an_error_is_one_line_whatever_its_text(capsys):
    """
    Some errors come with line breaks.
    """
    assert 2 == complain("one\ntwo")
    assert "greensdk: one two\n" == capsys.readouterr().err


@pytest.mark.parametrize(("variables", "expected"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_table_on_a_terminal_is_framed_and_no_color_is_honoured(variables, expected):
    """
    Rich draws it; NO_COLOR takes the colours away.
    """
    code = "from greensdk.cli.show import table; table(['works'], [[True]])"
    pid, terminal = pty.fork()
    if pid == 0:
        environment = {**os.environ, "TERM": "xterm-256color", **variables}
        os.execve(sys.executable, [sys.executable, "-c", code], environment)
    text = b""
    while b"yes" not in text:
        text += os.read(terminal, 4096)
    os.waitpid(pid, 0)
    os.close(terminal)
    assert "\u2500".encode() in text
    assert expected == (b"\x1b[32m" in text)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((12.3456, 8.0, 20.04), "12.3 J [8, 20]"),
        ((0.0, 0.0, 0.0), "0 J [0, 0]"),
        ((1.0, None, 2.0), "1 J"),
        ((None, 1.0, 2.0), "-"),
    ],
)
def test_joules_are_shown_with_their_interval(numbers, expected):
    """
    A missing number is a dash and never 0.
    """
    assert expected == joules(*numbers)
