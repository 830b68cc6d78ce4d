"""
Configuration: built-in < file < environment < arguments, and what is said about a mistake.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greensdk import ConfigError, energy_tracked, track
from greensdk.config import read_file, resolve
from greensdk.testing import PowercapTree

WHERE = ("file", "environment", "arguments")


def write(name: str, text: str) -> Path:
    """
    Write a configuration file, with its folders.
    """
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path.resolve()


def source(settled: dict, name: str) -> list:
    """
    Return [name, target, keyword arguments, why] of one monitor.
    """
    return next(row for row in settled["sources"] if row[0] == name)


def test_without_any_configuration_the_defaults_hold():
    """
    All built-in monitors are tried, and the place decides where records go.
    """
    settled = resolve({}, {})

    assert ["rapl", "psutil-tdp"] == [row[0] for row in settled["sources"]][:2]
    assert {"auto"} == {row[3] for row in settled["sources"]}
    assert settled["sinks"] is None
    assert ["rapl", "perf", "psutil-tdp"] == settled["order"]
    assert {} == settled["missing"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(WHERE), st.text("abc", min_size=1), min_size=1))
def test_later_layers_win(tmp_path, labels):
    """
    Whichever layers there are, the last one that speaks decides; a plugin's keys as well.
    """
    write(str(tmp_path / "greensdk.toml"), "")
    if "file" in labels:
        write(str(tmp_path / "greensdk.toml"), f'label = "{labels["file"]}"\n[rapl]\nroot = "{labels["file"]}"\n')
    environ = {f"GREENSDK_{key}": labels["environment"] for key in ("LABEL", "RAPL_ROOT") if "environment" in labels}
    arguments = {"label": labels["arguments"], "rapl": {"root": labels["arguments"]}} if "arguments" in labels else {}

    settled = resolve(arguments, environ, tmp_path)

    expected = labels[max(labels, key=WHERE.index)]
    assert expected == settled["label"]
    assert {"root": expected} == source(settled, "rapl")[2]


def test_a_plugins_table_is_merged_key_by_key():
    """
    A later layer changes the keys it names and leaves the others.
    """
    write("greensdk.toml", '[rapl]\nroot = "/file"\nupdate_interval_s = 1\n')
    table = source(resolve({"rapl": {"max_power_w": 200}}, {"GREENSDK_RAPL_ROOT": "/env"}), "rapl")[2]

    assert {"root": "/env", "update_interval_s": 1.0, "max_power_w": 200.0} == table


def test_variables_reach_plugins_whose_names_have_dashes():
    """
    ``GREENSDK_PSUTIL_TDP_TDP_W`` is ``tdp_w`` of ``psutil-tdp``, as a number.
    """
    settled = resolve({}, {"GREENSDK_PSUTIL_TDP_TDP_W": "65", "GREENSDK_FILE_FSYNC": "yes", "GREENSDK_SINK": "x.jsonl"})

    assert {"tdp_w": 65.0} == source(settled, "psutil-tdp")[2]
    assert [["x.jsonl", "greensdk.sink:JsonlSink", {"fsync": True}]] == settled["sinks"]


def test_the_nearest_file_wins():
    """
    From the working directory upwards; in one folder ``greensdk.toml`` goes before ``pyproject.toml``.
    """
    write("pyproject.toml", '[tool.greensdk]\nlabel = "project"\n')
    write("a/greensdk.toml", 'label = "own"\n')
    write("a/pyproject.toml", '[tool.greensdk]\nlabel = "beside"\n')
    write("a/b/pyproject.toml", '[project]\nname = "no word of it"\n')
    write("a/b/c/pyproject.toml", "# [tool.greensdk] would stand here\n[tool.greensdk]\n")

    for folder, label in ((".", "project"), ("a", "own"), ("a/b", "own"), ("a/b/c", "own")):
        assert label == resolve({}, {}, folder)["label"]


def test_a_file_that_concerns_others_is_not_read_as_toml():
    """
    A project's broken pyproject.toml is no business of greensdk, unless it configures it.
    """
    write("pyproject.toml", "not toml at all")

    assert ("", {}) == read_file(".")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[tool.greensdk", "not valid TOML"),
        ('[tool]\ngreensdk = "on"  # not [tool.greensdk]\n', "tool.greensdk = 'on': expected a table"),
    ],
)
def test_a_broken_project_file_is_named(text, error):
    """
    With its path and what is wrong in it.
    """
    path = write("pyproject.toml", text)

    with pytest.raises(ConfigError, match=error) as refused:
        resolve({}, {})
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("contents", [b"label = ", b'label = "\xff"', b"[rapl\n"])
def test_a_broken_file_is_named(contents):
    """
    Half a line, and bytes that are no text.
    """
    path = write("greensdk.toml", "")
    path.write_bytes(contents)

    with pytest.raises(ConfigError, match="not valid TOML") as refused:
        resolve({}, {})
    assert str(path) in str(refused.value)


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read_is_named():
    """
    It is not passed over: it may say where records must go.
    """
    write("greensdk.toml", "").chmod(0)

    with pytest.raises(ConfigError, match=r"greensdk\.toml: Permission denied"):
        resolve({}, {})


def test_a_deleted_working_directory_has_no_file(tmp_path, monkeypatch):
    """
    And is no reason not to measure.
    """
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert ("", {}) == read_file(".")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('lable = "x"', "unknown key 'lable'; did you mean 'label'?"),
        ("strict = 1", "strict = 1: expected re-raise"),
        ('resources = "lots"', "resources = 'lots': expected"),
        ('[rpal]\nroot = "/"', "unknown key 'rpal'; did you mean 'rapl'?"),
        ('[rapl]\nrot = "/"', "unknown key of [rapl] 'rot'; did you mean 'root'?"),
        ("[rapl]\nroot = 5", "[rapl] root = 5: expected str"),
        ("[psutil-tdp]\ntdp_w = true", "[psutil-tdp] tdp_w = True: expected float"),
        ('monitors = ["rapll"]', "unknown monitor 'rapll'; did you mean 'rapl'?"),
        ('sink = "stdot:"', "unknown sink 'stdot'; did you mean 'stdout'?"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_the_file_and_the_nearest_name(text, error):
    """
    One line, from which a person can mend it.
    """
    path = write("greensdk.toml", text)

    with pytest.raises(ConfigError) as refused:
        resolve({}, {})
    assert str(refused.value).startswith(f"{path}: {error}")


@pytest.mark.parametrize(
    ("variable", "text", "error"),
    [
        ("GREENSDK_LABLE", "x", "environment: unknown variable GREENSDK_LABLE; did you mean GREENSDK_LABEL?"),
        ("GREENSDK_DISABLD", "x", "environment: unknown variable GREENSDK_DISABLD; did you mean GREENSDK_DISABLE"),
        ("GREENSDK_RAPL_ROT", "/", "environment: unknown key of [rapl] 'rot'; did you mean 'root'?"),
        ("GREENSDK_PSUTIL_TDP_TDP_W", "a", "environment: [psutil-tdp] tdp_w = 'a': expected float"),
        ("GREENSDK_STRICT", "maybe", "GREENSDK_STRICT = 'maybe': expected yes or no"),
        ("GREENSDK_RESOURCES", "lots", "GREENSDK_RESOURCES: resources = 'lots': expected"),
        ("GREENSDK_MONITORS", "rapll", "environment: unknown monitor 'rapll'; did you mean 'rapl'?"),
        ("GREENSDK_SINK", "ftp://x", "environment: unknown sink 'ftp'; "),
    ],
)
def test_a_mistake_in_the_environment_is_told_with_the_nearest_name(variable, text, error):
    """
    As for a file.
    """
    with pytest.raises(ConfigError) as refused:
        resolve({}, {variable: text})
    assert str(refused.value).startswith(error)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"lable": "x"}, "energy_tracked: unknown key 'lable'; did you mean 'label'?"),
        ({"lable": None}, "energy_tracked: unknown key 'lable'; did you mean 'label'?"),
        ({"monitors": "rapl"}, "energy_tracked: monitors = 'rapl': expected"),
        ({"plugins": {"rapl": 1}}, "energy_tracked: plugins['rapl']: expected a plugin's name and a table"),
        ({"plugins": {"label": {}}}, "energy_tracked: plugins['label']: expected a plugin's name and a table"),
    ],
)
def test_a_mistake_in_the_arguments_is_told_at_decoration(arguments, error):
    """
    Where it was made, not at the first call; for a block as for a function.
    """
    for decorate in (energy_tracked, lambda **given: track("block", **given)):
        with pytest.raises(ConfigError) as refused:
            decorate(**arguments)
        assert str(refused.value).startswith(error)


def test_a_variable_of_a_plugin_that_is_not_here_is_left_alone():
    """
    One environment serves many machines.
    """
    assert "auto" == resolve({}, {"GREENSDK_IPMI_HOST": "bmc"})["sources"][0][3]


def test_switches_drop_and_restrict_monitors():
    """
    One that was asked for by name is missing with a reason.
    """

    def names(**environ: str) -> list[str]:
        return [row[0] for row in resolve({}, environ)["sources"]]

    assert "rapl" not in names(GREENSDK_DISABLE="rapl")
    assert ["psutil-tdp"] == names(GREENSDK_PLUGINS="psutil-tdp")
    assert [] == names(GREENSDK_PLUGINS="")
    for environ in ({"GREENSDK_DISABLE": "rapl"}, {"GREENSDK_PLUGINS": "psutil-tdp"}):
        settled = resolve({"monitors": ["rapl", "psutil-tdp"]}, environ)
        assert {"rapl": "switched off by GREENSDK_DISABLE or GREENSDK_PLUGINS"} == settled["missing"]
        assert ["psutil-tdp"] == [row[0] for row in settled["sources"]]


def test_a_monitor_may_be_named_by_its_class():
    """
    ``module:attribute`` needs no plugin.
    """
    settled = resolve({"monitors": ["my_meters:Meter"]}, {})

    assert [["my_meters:Meter", "my_meters:Meter", {}, "named"]] == settled["sources"]


PLUGIN = """
from greensdk.hookspecs import hookimpl
from greensdk.sink import MemorySink
from greensdk.testing import FakeMonitor

class Meter(FakeMonitor):
    def __init__(self, *, watts: float = 1.0) -> None:
        super().__init__("acme-meter", joules=watts)

@hookimpl
def greensdk_register_monitors(registry):
    registry.monitor("acme-meter", Meter)

@hookimpl
def greensdk_register_sinks(registry):
    registry.sink("acme", "greensdk.sink:MemorySink")

@hookimpl
def greensdk_register_adapters(registry):
    registry.adapter("acme", "acme_plugin:Nowhere", when="ACME_JOB")

@hookimpl
def greensdk_enrich(record, config):
    return {"seen": True}
"""


@pytest.fixture
def acme(tmp_path, monkeypatch):
    """
    Install the third party's plugin ``acme``, which offers one of each.
    """
    site = tmp_path / "site"
    (site / "acme-1.0.dist-info").mkdir(parents=True)
    (site / "acme-1.0.dist-info" / "entry_points.txt").write_text("[greensdk]\nacme = acme_plugin\n")
    (site / "acme_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(site)
    yield site
    sys.modules.pop("acme_plugin", None)


@pytest.mark.parametrize("given", ["auto", "all", ["acme-meter"], ["rapl", "acme-meter"]])
def test_a_third_partys_monitor_is_found(acme, given):
    """
    By itself, and by its name; its enrichers and adapters come along.
    """
    environ = {"GREENSDK_ACME_METER_WATTS": "7"}
    settled = resolve({"monitors": given}, environ)

    assert ["acme_plugin:Meter", {"watts": 7.0}] == source(settled, "acme-meter")[1:3]
    assert [["acme", "acme_plugin:greensdk_enrich", {}]] == settled["enrichers"]
    assert ["acme_plugin:Nowhere", "ACME_JOB"] in settled["adapters"]


def test_nobody_looks_for_plugins_unless_something_asks(acme):
    """
    Names that greensdk knows need no discovery.
    """
    settled = resolve({"monitors": ["rapl"], "sink": "x.jsonl"}, {})

    assert [] == settled["enrichers"]
    assert "acme_plugin" not in sys.modules


def test_a_third_partys_sink_is_found_by_its_scheme(acme):
    """
    Also where the monitors need no discovery.
    """
    settled = resolve({"monitors": [], "sink": "acme://somewhere"}, {})
    assert [["acme://somewhere", "greensdk.sink:MemorySink", {}]] == settled["sinks"]


def test_a_plugins_own_table_goes_to_its_enricher(acme):
    """
    As it stands: nobody but the enricher knows its keys.
    """
    write("greensdk.toml", "[acme]\nprice = 0.3\n[acme-meter]\nwatts = 2\n")
    settled = resolve({}, {"GREENSDK_ACME_ZONE": "ES"})

    assert [["acme", "acme_plugin:greensdk_enrich", {"price": 0.3, "zone": "ES"}]] == settled["enrichers"]
    assert {"watts": 2.0} == source(settled, "acme-meter")[2]


def test_a_plugin_that_is_switched_off_may_keep_its_table(acme):
    """
    Switching it off is no mistake in the file; its monitor, asked for by name, is not known any more.
    """
    write("greensdk.toml", "[acme]\nprice = 0.3\n")
    for environ in ({"GREENSDK_DISABLE": "acme"}, {"GREENSDK_PLUGINS": "rapl"}):
        settled = resolve({}, environ)
        assert [] == settled["enrichers"]
        assert "acme-meter" not in [row[0] for row in settled["sources"]]
        assert {"acme"} == resolve({"monitors": ["acme"]}, environ)["missing"].keys()


def test_one_monitor_of_a_plugin_can_be_switched_off(acme):
    """
    The rest of the plugin stays.
    """
    settled = resolve({}, {"GREENSDK_DISABLE": "acme-meter"})

    assert "acme-meter" not in [row[0] for row in settled["sources"]]
    assert ["acme"] == [row[0] for row in settled["enrichers"]]


def test_a_broken_plugin_asked_for_by_name_is_told(acme):
    """
    Its error stands in place of a guess at another name.
    """
    (acme / "acme_plugin.py").write_text("import no_such_module")
    with pytest.raises(ConfigError, match=r"monitor 'acme': its plugin is broken: .*no_such_module"):
        resolve({"monitors": ["acme"]}, {})


READER = """
import json, sys
from greensdk import capture
from greensdk.calls import Call, bind

def work():
    return 7

with capture() as records:
    assert 7 == bind(Call, work, json.load(sys.stdin))()
json.dump([records[0], sorted(m for m in sys.modules if m.startswith(("pluggy", "greensdk.config")))], sys.stdout)
"""


def test_another_process_builds_its_runtime_from_the_json(tmp_path, acme):
    """
    It needs no file, no environment and no discovery of its own.
    """
    tree = PowercapTree(tmp_path / "tree")
    tree.package(0)
    write("greensdk.toml", f'label = "client"\n[rapl]\nroot = "{tree.root}"\n')
    settled = resolve({"monitors": ["rapl", "psutil-tdp"], "sink": "memory:"}, {"GREENSDK_PSUTIL_TDP_TDP_W": "65"})
    other = tmp_path / "elsewhere"
    other.mkdir()

    done = subprocess.run(
        [sys.executable, "-c", READER], input=json.dumps(settled), cwd=other, capture_output=True, text=True, check=True
    )
    record, modules = json.loads(done.stdout)

    assert "client" == record["label"]
    assert ["rapl", "psutil-tdp"] == [reading["monitor"] for reading in record["readings"]]
    assert 65.0 == record["readings"][1]["attributes"]["socket_tdp_w"]
    assert [] == modules
