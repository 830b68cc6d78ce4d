"""
Finding plugins, loading them one by one, and what becomes of the broken ones.
"""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greensdk import builtin, capture, energy_tracked, reset
from greensdk.plugins import GROUP, EntryPoint, Plugins, declared, load_plugins, third_party

TREE = Path(__file__).parents[1]
GOOD = """
    from greensdk.hookspecs import hookimpl

    @hookimpl
    def greensdk_register_monitors(registry):
        registry.monitor("{name}", "{name}_meter:Meter")
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """
    Return a function that installs a plugin: ``install("acme", source)``; importable until the test ends.
    """
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    before = sys.modules.keys() | set()

    def put(name: str, source: str = GOOD, *, target: str | None = None, entry: str | None = None) -> Path:
        (site / f"{name}_hooks.py").write_text(dedent(source.replace("{name}", name)))
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[greensdk]\n{entry or name} = {target or f'{name}_hooks'}\n")
        importlib.invalidate_caches()
        return site

    yield put
    for name in sys.modules.keys() - before:
        if name.endswith("_hooks"):
            del sys.modules[name]


def loaded(site: Path) -> Plugins:
    """
    Load what is installed in `site`, and nothing else.
    """
    return Plugins(declared([str(site)]))


def errors(plugins: Plugins) -> dict[str, str]:
    """
    Return each plugin's error by its name.
    """
    return {row.name: row.error for row in plugins.loaded}


def test_only_the_group_counts_and_a_target_loses_its_extras(tmp_path):
    """
    Other groups, comments and empty lines are nobody's plugins.
    """
    info = tmp_path / "acme-2.1.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text(
        "[console_scripts]\nacme = acme.cli:main\n\n[greensdk]\n# ours\n; too\nipmi=acme.hooks [fast]\n"
        "  rack = acme.rack:plugin  \nno target\n[pytest11]\nx = y\n"
    )

    assert [
        EntryPoint("ipmi", "acme.hooks", "acme 2.1"),
        EntryPoint("rack", "acme.rack:plugin", "acme 2.1"),
    ] == list(declared([str(tmp_path)]))


def test_the_first_copy_of_a_distribution_counts(tmp_path):
    """
    As for Python's own imports; an ``.egg-info`` of an editable install is a distribution too.
    """
    for folder, version in (("one", "1.0.egg-info"), ("two", "2.0.dist-info")):
        info = tmp_path / folder / f"Acme-{version}"
        info.mkdir(parents=True)
        (info / "entry_points.txt").write_text(f"[greensdk]\nacme = {folder}\n")

    assert [EntryPoint("acme", "one", "Acme 1.0")] == list(declared([str(tmp_path / "one"), str(tmp_path / "two")]))


def test_what_can_not_be_read_on_the_path_is_passed_over(tmp_path, install):
    """
    Missing folders, archives, folders without entry points and files that are no text.
    """
    site = install("acme")
    (tmp_path / "archive.zip").write_bytes(b"PK")
    (site / "bare-1.0.dist-info").mkdir()
    (site / "file-1.0.egg-info").write_text("Name: file")
    (site / "bytes-1.0.dist-info").mkdir()
    (site / "bytes-1.0.dist-info" / "entry_points.txt").write_bytes(b"[greensdk]\nx = \xff\xfe\n")

    path = [str(tmp_path / "missing"), str(tmp_path / "archive.zip"), str(site)]
    assert ["acme"] == [entry_point.name for entry_point in declared(path)]


def test_the_empty_entry_of_a_path_is_the_working_directory(install, monkeypatch):
    """
    As for Python's own imports.
    """
    monkeypatch.chdir(install("acme"))

    assert ["acme"] == [entry_point.name for entry_point in declared([""])]


names = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
targets = st.from_regex(r"[a-z]{1,4}(\.[a-z]{1,4})?(:[A-Z][a-z]{0,3})?", fullmatch=True)


@given(st.dictionaries(names, targets, max_size=4), st.dictionaries(names, targets, max_size=2))
def test_it_finds_what_importlib_metadata_finds(tmp_path_factory, ours, others):
    """
    The scan by hand is the standard library's, only quicker.
    """
    site = tmp_path_factory.mktemp("site")
    info = site / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    groups = {"console_scripts": others, GROUP: ours}
    (info / "entry_points.txt").write_text(
        "".join(f"[{group}]\n" + "".join(f"{n} = {t}\n" for n, t in rows.items()) for group, rows in groups.items())
    )

    standard = importlib.metadata.Distribution.at(info).entry_points.select(group=GROUP)
    assert [(e.name, e.value) for e in standard] == [(e.name, e.target) for e in declared([str(site)])]


def test_the_environment_restricts_and_drops(install):
    """
    ``GREENSDK_PLUGINS`` names the only ones allowed, ``GREENSDK_DISABLE`` the ones that are not.
    """
    install("acme")
    site = install("other")

    def found(**environ: str) -> list[str]:
        return [entry_point.name for entry_point in third_party(environ, [str(site)])]

    assert ["acme", "other"] == found()
    assert ["acme"] == found(GREENSDK_PLUGINS="rapl, acme")
    assert ["other"] == found(GREENSDK_DISABLE="acme,missing")
    assert [] == found(GREENSDK_PLUGINS="acme", GREENSDK_DISABLE="acme")
    assert [] == found(GREENSDK_PLUGINS="")


def test_a_plugin_is_a_row_with_its_hooks(install):
    """
    The built-in one is a plugin like any other.
    """
    plugins = loaded(install("acme"))

    assert [
        ("greensdk", "greensdk", ("greensdk_register_monitors",), ""),
        ("acme", "acme 1.0", ("greensdk_register_monitors",), ""),
    ] == plugins.loaded
    assert "acme_meter:Meter" == plugins.registry.monitors["acme"].target
    assert {"acme", "rapl", "psutil-tdp", "stdout"} <= plugins.names()


HOOK = "from greensdk.hookspecs import hookimpl\n"
BROKEN = {
    "import": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "syntax": ("def", "SyntaxError: "),
    "exit": ("raise SystemExit('gone')", "SystemExit: gone"),
    "interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt: "),
    "hook": (f"{HOOK}@hookimpl\ndef greensdk_register_monitor(registry): ...", "unknown hook"),
    "argument": (f"{HOOK}@hookimpl\ndef greensdk_register_monitors(register): ...", "register"),
    "raises": (f"{HOOK}@hookimpl\ndef greensdk_register_sinks(registry): 1 / 0", "ZeroDivisionError: "),
    "exits": (f"{HOOK}@hookimpl\ndef greensdk_register_sinks(registry): exit(3)", "SystemExit: 3"),
    "target": (
        f"{HOOK}@hookimpl\ndef greensdk_register_sinks(registry): registry.sink('x', 'y')",
        "PluginError: target: 'y' is not of the form 'module:attribute'",
    ),
    "unmarked": ("def greensdk_register_monitors(registry): ...", "no hook: mark its module's functions with"),
    "builtin": (
        f"{HOOK}@hookimpl\ndef greensdk_register_monitors(registry): registry.monitor('rapl', 'mine:Rapl')",
        "the monitor 'rapl' is already offered by greensdk",
    ),
    "recordless": (f"{HOOK}@hookimpl\ndef greensdk_enrich(config): ...", "must take the argument 'record'"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_a_row_with_its_error_and_stops_no_other(install, kind):
    """
    The plugins before and after it are in use.
    """
    source, error = BROKEN[kind]
    install("aaa")
    install(kind, source)
    plugins = loaded(install("zzz"))

    assert error in errors(plugins).pop(kind)
    assert ["aaa", "greensdk", "zzz"] == sorted(row.name for row in plugins.loaded if not row.error)
    assert {"aaa", "zzz", *builtin.MONITORS} == plugins.registry.monitors.keys()
    assert "greensdk_rapl:RaplMonitor" == plugins.registry.monitors["rapl"].target


@pytest.mark.parametrize("target", ["missing_module", "acme_hooks:missing", "acme_hooks:", ":x", ""])
def test_an_entry_point_that_leads_nowhere_is_a_row(install, target):
    """
    A colon without an attribute names the module, as everywhere; the rest are errors.
    """
    plugins = loaded(install("acme", target=target or " "))
    assert (target == "acme_hooks:") is not bool(errors(plugins)["acme"])


def test_an_entry_point_may_name_an_object(install):
    """
    An instance whose methods are the hooks.
    """
    source = """
        from greensdk.hookspecs import hookimpl

        class Plugin:
            @hookimpl
            def greensdk_register_sinks(self, registry):
                registry.sink("acme", "acme:Sink")

        class box:
            plugin = Plugin()
    """
    plugins = loaded(install("acme", source, target="acme_hooks:box.plugin"))

    assert "" == errors(plugins)["acme"]
    assert "acme:Sink" == plugins.registry.sinks["acme"].target


def test_what_a_plugin_offered_before_it_broke_is_taken_back(install):
    """
    A plugin is in use or it is not.
    """
    source = """
        from greensdk.hookspecs import hookimpl

        @hookimpl
        def greensdk_register_monitors(registry):
            registry.monitor("half", "half:Meter")

        @hookimpl
        def greensdk_register_sinks(registry):
            raise OSError("no")
    """
    plugins = loaded(install("half", source))

    assert "OSError: no" == errors(plugins)["half"]
    assert "half" not in plugins.registry.monitors


def test_the_second_plugin_of_a_name_is_the_broken_one(install):
    """
    The first stays in use, its commands too; nobody can take the place of the built-in one.
    """
    command = GOOD + "\n    @hookimpl\n    def greensdk_register_commands(cli):\n        cli.append('{name}')\n"
    install("aaa", command, entry="same")
    install("bbb", command, entry="same")
    plugins = loaded(install("ccc", command, entry="greensdk"))
    cli: list[str] = []
    plugins.commands(cli)

    assert ["", "", "a plugin of this name is there already, from aaa 1.0"] == [r.error for r in plugins.loaded][:3]
    assert "a plugin of this name is there already, from greensdk" == plugins.loaded[3].error
    assert ["aaa"] == cli
    assert {"aaa", *builtin.MONITORS} == plugins.registry.monitors.keys()


def test_one_module_under_two_names_is_loaded_once(install):
    """
    The second name is an error that says so, and the first goes on.
    """
    install("aaa")
    plugins = loaded(install("bbb", "", target="aaa_hooks"))

    assert "" == errors(plugins)["aaa"]
    assert "already registered" in errors(plugins)["bbb"]
    assert "aaa" in plugins.registry.monitors


def test_a_command_that_breaks_is_told_in_its_plugins_row(install):
    """
    The other plugins' commands are there.
    """
    source = HOOK + "@hookimpl\ndef greensdk_register_commands(cli): raise SystemExit('no')"
    install("aaa", source)
    plugins = loaded(install("bbb", source.replace("raise SystemExit('no')", "cli.append('bbb')")))
    cli: list[str] = []
    plugins.commands(cli)

    assert ["bbb"] == cli
    assert {"greensdk": "", "aaa": "SystemExit: no", "bbb": ""} == errors(plugins)


def test_a_hook_may_leave_out_its_arguments(install):
    """
    As pluggy allows.
    """
    plugins = loaded(install("acme", HOOK + "@hookimpl\ndef greensdk_register_monitors(): ..."))

    assert "" == errors(plugins)["acme"]


def test_plugins_are_loaded_once_for_each_setting(install):
    """
    The same switches and path give the same object, others another.
    """
    install("acme")

    assert load_plugins({}) is load_plugins({"HOME": "/"})
    assert "acme" in load_plugins({}).registry.monitors
    assert "acme" not in load_plugins({"GREENSDK_DISABLE": "acme"}).registry.monitors


ENRICH = HOOK + "@hookimpl\ndef greensdk_enrich(record, config):\n    return "


def enriched() -> dict:
    """
    Return the record of a call, measured by clocks and enriched by all that is installed.
    """
    reset()

    @energy_tracked(sink="memory:")
    def work():
        return 7

    with capture() as records:
        assert 7 == work()
    return records[0]


def test_an_enricher_adds_its_fields_under_its_plugins_name(install, monkeypatch):
    """
    It sees the record and its plugin's table.
    """
    monkeypatch.setenv("GREENSDK_ACME_PRICE", "3")
    install("acme", ENRICH + "{'status': record['status'], **config}")

    record = enriched()

    assert {"status": "ok", "price": "3"} == record["acme"]
    assert "acme" not in record["errors"]


def test_an_enricher_may_do_without_the_table_and_without_an_answer(install):
    """
    None is no fields.
    """
    install("acme", HOOK + "@hookimpl\ndef greensdk_enrich(record): return None")

    assert {} == enriched()["acme"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("1 / 0", "enrich: ZeroDivisionError: division by zero"),
        ("exit('bye')", "enrich: SystemExit: bye"),
        ("'text'", "enrich: ValueError: "),
        ("record.update(energy_j=0)", "enrich: AttributeError: "),
    ],
)
def test_an_enricher_that_fails_is_told_in_the_record_and_stops_no_other(install, answer, error):
    """
    Raising, exiting, answering nonsense, and trying to change the record.
    """
    install("aaa", ENRICH + answer)
    install("bbb", ENRICH + "{'here': True}")

    record = enriched()

    assert record["errors"]["aaa"].startswith(error)
    assert "aaa" not in record
    assert {"here": True} == record["bbb"]


@pytest.mark.parametrize("name", ["energy_j", "label", "tags", "errors", "host", "schema"])
def test_an_enricher_never_overwrites_a_key_of_the_record(install, name):
    """
    A plugin of such a name is told so.
    """
    install("acme", ENRICH + "{'mine': True}", entry=name)

    record = enriched()

    assert {"mine": True} != record[name]
    assert "a record has a key of this name already" in record["errors"][name]


def test_the_places_for_cost_and_carbon_are_there_to_be_filled(install):
    """
    Plugins of these names fill them.
    """
    install("acme", ENRICH + "{'usd': 0.1}", entry="cost")

    assert {"usd": 0.1} == enriched()["cost"]


def test_an_enricher_must_be_importable_by_name(install):
    """
    A worker imports it by its reference; a function inside another has none.
    """
    source = """
        from greensdk.hookspecs import hookimpl

        def make():
            def greensdk_enrich(record):
                return {}
            return hookimpl(greensdk_enrich)

        greensdk_enrich = make()
    """
    assert "is not at the top of a module" in errors(loaded(install("acme", source)))["acme"]


def test_a_named_monitor_whose_class_is_missing_is_a_reason_in_the_record(install):
    """
    The plugin is fine; what it offers can't be imported.
    """
    install("acme")

    @energy_tracked(monitors=["acme", "psutil-tdp"], sink="memory:", plugins={"acme": {"volts": 3}})
    def work():
        return 7

    with capture() as records:
        assert 7 == work()
    assert "ModuleNotFoundError: No module named 'acme_meter'" == records[0]["errors"]["acme"]
    assert ["psutil-tdp", "acme"] == [reading["monitor"] for reading in records[0]["readings"]]
