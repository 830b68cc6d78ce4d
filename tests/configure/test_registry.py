"""
What plugins may offer, and under which names.
"""

from __future__ import annotations

import pytest

from greensdk import PluginError
from greensdk.configure.registry import Offer, Registry, reference
from greensdk.configure.targets import load
from greensdk.testing import FakeMonitor


@pytest.fixture
def registry():
    """
    Return a registry in which the plugin ``acme`` is speaking.
    """
    registry = Registry()
    registry.plugin = "acme"
    return registry


def test_an_offer_says_whose_it_is_and_where_its_keys_stand(registry):
    """
    The configuration's keys are those of the target, unless the plugin names another class.
    """
    registry.monitor("one", "acme:One")
    registry.sink("two", "acme:Two", config="acme:TwoKeys")
    registry.adapter("three", "acme:Three", when="ACME")

    assert Offer("acme:One", "acme:One", "acme") == registry.monitors["one"]
    assert Offer("acme:Two", "acme:TwoKeys", "acme") == registry.sinks["two"]
    assert (Offer("acme:Three", "acme:Three", "acme"), "ACME") == registry.adapters["three"]


def test_a_class_becomes_the_text_by_which_any_process_can_import_it(registry):
    """
    What is loaded by the reference is the class.
    """
    registry.monitor("fake", FakeMonitor)

    assert FakeMonitor is load(registry.monitors["fake"].target)


def test_what_is_not_at_the_top_of_a_module_is_refused(registry):
    """
    A worker could not import it.
    """

    class Local:
        pass

    with pytest.raises(PluginError, match=r"acme: .*Local is not at the top of a module"):
        registry.monitor("local", Local)
    with pytest.raises(PluginError, match=r"FakeMonitor\.stop is not at the top"):
        reference("acme", FakeMonitor.stop)


@pytest.mark.parametrize("target", ["", "acme", "acme:", ":One"])
def test_a_text_of_another_form_is_refused(registry, target):
    """
    Both the module and the attribute must be there.
    """
    with pytest.raises(PluginError, match="not of the form 'module:attribute'"):
        registry.monitor("one", target)


def test_a_name_that_is_taken_is_refused_and_the_first_stays(registry):
    """
    Monitors, sinks and adapters alike; the message names the plugin that was first.
    """
    offers = {
        "monitor": lambda target: registry.monitor("x", target),
        "sink": lambda target: registry.sink("x", target),
        "adapter": lambda target: registry.adapter("x", target, when="X"),
    }
    for offer in offers.values():
        offer("acme:First")
    registry.plugin = "late"
    for kind, offer in offers.items():
        with pytest.raises(PluginError, match=f"late: the {kind} 'x' is already offered by acme"):
            offer("late:Second")

    targets = {registry.monitors["x"].target, registry.sinks["x"].target, registry.adapters["x"][0].target}
    assert {"acme:First"} == targets


def test_what_a_broken_plugin_has_offered_is_taken_back(registry):
    """
    Only its own.
    """
    for plugin in ("acme", "broken"):
        registry.plugin = plugin
        registry.monitor(f"{plugin}-m", "a:B")
        registry.sink(f"{plugin}-s", "a:B")
        registry.adapter(f"{plugin}-a", "a:B", when="X")

    registry.forget("broken")

    assert (["acme-m"], ["acme-s"], ["acme-a"]) == tuple(
        map(list, (registry.monitors, registry.sinks, registry.adapters))
    )
