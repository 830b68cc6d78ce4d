"""
Configuration with a third party's plugin: what it offers is found, configured and switched off.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from config_kit import source, write

from greensdk import ConfigError
from greensdk.configure.config import resolve
from greensdk.testing import PowercapTree

PLUGIN = """
from greensdk.hookspecs import hookimpl
from greensdk.deliver.sinks import MemorySink
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
    As it stands: only the enricher knows its keys.
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
loaded = sorted(m for m in sys.modules if m.startswith(("pluggy", "greensdk.configure.config")))
json.dump([records[0], loaded], sys.stdout)
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
    assert ["rapl", "psutil-tdp", "psutil-tdp"] == [reading["monitor"] for reading in record["readings"]]
    assert 65.0 == record["readings"][1]["attributes"]["socket_tdp_w"]
    assert [] == modules
