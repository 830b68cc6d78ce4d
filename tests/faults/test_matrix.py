"""
Every kind of plugin in the registry, and every hook, does all that it can do wrong around a call.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from greensdk.configure.builtin import ADAPTERS, ENRICHERS, SINKS
from greensdk.configure.plugins import BUILTIN, EntryPoint, Plugins
from greensdk.configure.targets import load
from greensdk.hookspecs import hookimpl
from greensdk.testing import check_faults
from greensdk.testing.wrong import ERRORS

URIS = {"file": "energy.jsonl", "callback": "callback:json:dumps"}
OWN = [scheme for scheme, target in SINKS.items() if target.startswith("greensdk.sink:")]
"""Those that need no library and no network; what the others do wrong is in their own tests."""

HOOKS = ["greensdk_register_monitors", "greensdk_register_sinks", "greensdk_register_adapters"]


class Sink:
    """
    A third party's sink.
    """

    def emit(self, record):
        """
        Take it.
        """

    def flush(self):
        """
        Nothing is held back.
        """

    def close(self):
        """
        Nothing is open.
        """


class Adapter:
    """
    A third party's adapter.
    """

    resources = "light"

    def worker(self):
        """
        Name the worker.
        """
        return {"adapter": "mine"}

    def sinks(self, settings):
        """
        None of its own.
        """
        return ()

    def call(self):
        """
        Name the call.
        """
        return {"attempt": 1}


class Enricher:
    """
    A third party's enricher.
    """

    def __call__(self, record):
        """
        Name the function.
        """
        return {"function": record["function"]}


@pytest.mark.parametrize("make", [Sink, Adapter, Enricher])
def test_a_call_survives_every_fault_of_what_is_around_it(make):
    """
    The result is the function's, the other sinks' records are whole, and what one sink refuses is in the spool.
    """
    assert check_faults(make) > 40


@pytest.mark.parametrize("scheme", OWN)
def test_the_faults_of_every_sink(scheme):
    """
    Each of ours: what it keeps between two records is none of the faulty one's.
    """
    assert check_faults(lambda: load(SINKS[scheme])(URIS.get(scheme, f"{scheme}:"))) > 40


@pytest.mark.parametrize("name", ENRICHERS)
def test_the_faults_of_every_enricher(name):
    """
    Each of ours.
    """
    assert check_faults(load(ENRICHERS[name])) > 40


@pytest.mark.parametrize("name", ADAPTERS)
def test_the_faults_of_every_adapter(name):
    """
    Each of ours, outside of where it belongs.
    """
    target, _ = ADAPTERS[name]
    assert check_faults(lambda: load(target)({})) > 40


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_that_raises_is_a_row_and_stops_no_other(monkeypatch, hook, error):
    """
    Whatever it raises, whatever its text does.
    """

    def wrong(registry):
        raise error

    made = ModuleType("plugin_of_this_test")
    made.plugin = SimpleNamespace(wrong=hookimpl(wrong, specname=hook))
    monkeypatch.setitem(sys.modules, made.__name__, made)
    plugins = Plugins([EntryPoint("wrong", f"{made.__name__}:plugin", "acme 1.0")])

    assert {BUILTIN: "", "wrong": type(error).__name__} == {
        row.name: row.error.partition(":")[0] for row in plugins.loaded
    }
    assert set(SINKS) == set(plugins.registry.sinks)
