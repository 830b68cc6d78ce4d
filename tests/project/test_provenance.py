"""
What a record says of the settings and the plugins behind it.
"""

from __future__ import annotations

from greensdk import __version__, capture, energy_tracked
from greensdk.configure.config import digest, resolve


def work():
    """
    The measured function.
    """


def record_of(**settings):
    """
    Return the record of one call with these settings.
    """
    with capture() as records:
        energy_tracked(sink="memory:", **settings)(work)()
    return records[0]


class TestPlugins:
    """
    ``plugins``.
    """

    def test_each_plugin_at_work_has_its_version(self):
        """
        First-party ones have greensdk's own.
        """
        assert {"psutil-tdp": __version__} == record_of(monitors=["psutil-tdp"])["plugins"]

    def test_enrichers_are_plugins(self):
        """
        Their numbers are in the record, so their version is.
        """
        found = record_of(monitors=[], plugins={"carbon": {"country": "ESP"}})["plugins"]

        assert {"carbon": __version__} == found

    def test_clocks_only_means_no_plugin(self):
        """
        An empty object, not null: it is known.
        """
        assert {} == record_of(monitors=[])["plugins"]


class TestDigest:
    """
    ``config_digest``.
    """

    def test_a_record_carries_the_digest_of_what_was_decided(self):
        """
        The same that resolving the same settings gives.
        """
        settings = {"monitors": ["psutil-tdp"], "sink": "memory:"}

        assert resolve(settings)["config_digest"] == record_of(monitors=["psutil-tdp"])["config_digest"]

    def test_other_settings_have_another_digest(self):
        """
        The constants of an estimator are settings.
        """
        one, two = (
            record_of(monitors=["psutil-tdp"], plugins={"psutil-tdp": {"tdp_w": watts}})["config_digest"]
            for watts in (65.0, 66.0)
        )

        assert one != two

    def test_names_of_ones_own_change_nothing(self):
        """
        Label and tags don't affect how it was measured.
        """
        assert digest({"order": []}) == digest({"order": [], "label": "a", "tags": {"b": 1}})
