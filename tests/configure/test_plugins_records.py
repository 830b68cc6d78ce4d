"""
What plugins leave in a record: the fields of enrichers, and the reasons of what failed.
"""

from __future__ import annotations

import pytest
from plugins_kit import HOOK, errors, loaded

from greensdk import capture, energy_tracked, reset

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
    A plugin of such a name is reported.
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
    assert ["psutil-tdp", "psutil-tdp", "acme"] == [reading["monitor"] for reading in records[0]["readings"]]
