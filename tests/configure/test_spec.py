"""
A specification travels, and a wrong configuration never reaches a call.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys

import cloudpickle
import pytest
from config_kit import write

from greensdk import ConfigError, capture, energy_tracked
from greensdk.configure.config import layers, resolve
from greensdk.configure.spec import Spec, make_spec, resolved, sent_whole


def test_what_is_resolved_is_json_and_stays_as_it_is():
    """
    Going through JSON changes nothing, and resolving again neither.
    """
    settled = resolve({"tags": {"run": 1}, "sink": ["x", "stdout:"], "psutil-tdp": {"tdp_w": 65}}, {})

    assert settled == json.loads(json.dumps(settled))
    assert settled == resolved(settled)


@pytest.mark.parametrize("pickler", [pickle, cloudpickle])
def test_a_specification_travels_as_a_plain_dict(pickler):
    """
    Of what was asked for and nothing else: the rest is for whoever runs the function to decide.
    """
    write("greensdk.toml", 'label = "client"\n')
    arrived = pickle.loads(pickler.dumps(make_spec({"monitors": ["rapl"]}, {"rapl": {"root": "/sys"}})))

    assert dict is type(arrived)
    assert {"monitors": ["rapl"], "rapl": {"root": "/sys"}} == arrived


@pytest.mark.parametrize("pickler", [pickle, cloudpickle])
def test_a_specification_that_is_sent_whole_needs_no_configuration(pickler):
    """
    With everything decided in the process that sends it, and nothing of greensdk needed to read it.
    """
    write("greensdk.toml", 'label = "client"\n')
    with sent_whole():
        arrived = pickle.loads(pickler.dumps(make_spec({"monitors": ["rapl"]}, {"rapl": {"root": "/sys"}})))

    assert dict is type(arrived)
    assert "client" == arrived["label"]
    assert [["rapl", "greensdk_rapl:RaplMonitor", {"root": "/sys"}, "named"]] == arrived["sources"]
    assert b"greensdk.configure.spec" not in pickler.dumps(Spec())


@pytest.mark.parametrize("pickler", [pickle, cloudpickle])
def test_a_wrong_configuration_does_not_stop_a_function_from_travelling(pickler):
    """
    The arguments arrive as they were; the call that needs them says what is wrong.
    """
    write("greensdk.toml", "lable = 1\n")

    with sent_whole():
        assert {"label": "x"} == pickle.loads(pickler.dumps(make_spec({"label": "x"}, None)))


SHELL = "import pickle, sys; pickle.load(sys.stdin.buffer)()"


@pytest.mark.parametrize("how", ["variable", "file", "argument"])
def test_a_workers_own_settings_win_over_the_clients_defaults(tmp_path, how):
    """
    A function that travels by value takes its own arguments along and no more.
    """
    write("greensdk.toml", 'sink = "client.jsonl"\n')
    worker = tmp_path / "worker"
    worker.mkdir()
    environment = {**os.environ, "GREENSDK_SINK": "worker.jsonl"} if how != "file" else dict(os.environ)
    (worker / "greensdk.toml").write_text('sink = "worker.jsonl"\n')
    arguments = {"sink": "asked.jsonl"} if how == "argument" else {}
    blob = cloudpickle.dumps(energy_tracked(monitors=[], **arguments)(lambda: None))
    subprocess.run([sys.executable, "-c", SHELL], input=blob, cwd=worker, env=environment, check=True)

    assert ["asked.jsonl" if how == "argument" else "worker.jsonl"] == [path.name for path in worker.glob("*.jsonl")]


def test_a_wrong_configuration_leaves_the_call_alone_and_is_told_once():
    """
    The result is the function's; one warning says what to mend.
    """
    write("greensdk.toml", 'lable = "x"\n')

    @energy_tracked
    def work(n):
        return n + 1

    with pytest.warns(RuntimeWarning) as caught, capture() as records:
        assert [1, 2, 3] == [work(n) for n in range(3)]
    (warning,) = caught
    assert str(warning.message).startswith("greensdk could not measure a call: ConfigError: ")
    assert "did you mean 'label'?" in str(warning.message)
    assert [] == records


def test_a_wrong_configuration_raises_where_strict_asks_for_it():
    """
    Before the function has begun.
    """
    write("greensdk.toml", 'lable = "x"\n')
    began = []

    @energy_tracked(strict=True)
    def work():
        began.append(True)

    with pytest.raises(ConfigError, match="did you mean 'label'"):
        work()
    assert [] == began


def test_each_value_knows_its_layer():
    """
    For those who show the configuration.
    """
    path = write("greensdk.toml", 'label = "x"\n[rapl]\nroot = "/a"\n')
    found = layers({"strict": True}, {"GREENSDK_SINK": "memory:", "GREENSDK_RAPL_MAX_POWER_W": "9"}, ".")

    assert {
        "monitors": "defaults",
        "order": "defaults",
        "label": str(path),
        "sink": "environment",
        "strict": "energy_tracked",
    } == found.where
    assert {"root": ("/a", str(path)), "max_power_w": ("9", "environment")} == found.tables["rapl"]
