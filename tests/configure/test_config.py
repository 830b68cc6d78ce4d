"""
Configuration: built-in < file < environment < arguments, and what is said about a mistake.
"""

from __future__ import annotations

import os

import pytest
from config_kit import source, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greensdk import ConfigError, energy_tracked, track
from greensdk.configure.builtin import MONITORS
from greensdk.configure.config import read_file, resolve

WHERE = ("file", "environment", "arguments")


def test_without_any_configuration_the_defaults_hold():
    """
    All built-in monitors are tried, and the place decides where records go.
    """
    settled = resolve({}, {})

    assert list(MONITORS) == [row[0] for row in settled["sources"]]
    assert {"auto"} == {row[3] for row in settled["sources"]}
    assert settled["sinks"] is None
    assert ["rapl", "perf", "lambda-estimator", "psutil-tdp"] == settled["order"]
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
