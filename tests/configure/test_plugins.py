"""
Finding plugins, loading them one by one, and what becomes of the broken ones.
"""

from __future__ import annotations

import importlib.metadata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plugins_kit import GOOD, HOOK, errors, loaded

from greensdk.configure import builtin
from greensdk.configure.plugins import GROUP, EntryPoint, declared, load_plugins, third_party


def test_only_the_group_counts_and_a_target_loses_its_extras(tmp_path):
    """
    Other groups, comments and empty lines are no plugins.
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
    The first stays in use, its commands too; nothing can take the place of the built-in one.
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
