"""
What perf prints, in every form and country: the number, or a reason, and never another number.
"""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from greensdk_perf.choose import complaint
from greensdk_perf.parse import Count, by_event, number, parse, parse_csv, parse_json
from hypothesis import assume, given
from hypothesis import strategies as st

PKG, RAM, CORES = "power/energy-pkg/", "power/energy-ram/", "power/energy-cores/"

JSON = """\
Failed to read max cpus, using default of 4096
{"counter-value" : "40.389657", "unit" : "Joules", "event" : "power/energy-pkg/", "event-runtime" : 403898560, \
"pcnt-running" : 100.00, "metric-value" : 2.000046, "metric-unit" : "CPUs utilized"}
{"counter-value" : "<not supported>", "unit" : "Joules", "event" : "power/energy-ram/", "event-runtime" : 0, \
"pcnt-running" : 100.00, "metric-value" : 0.000000, "metric-unit" : "(null)"}
{"counter-value" : "<not counted>", "unit" : "", "event" : "power/energy-cores/"}
"""

CSV = """\
40.34,Joules,power/energy-pkg/,403424874,100.00,2.000,CPUs utilized
<not supported>,Joules,power/energy-ram/,0,100.00,,
<not counted>,Joules,power/energy-cores/,0,0.00,,
"""

values = st.decimals(0, 10**9, places=6)
events = st.sampled_from([PKG, RAM, CORES, "power/energy-psys/", "cycles"])


class TestGolden:
    """
    Output of the real program.
    """

    @pytest.mark.parametrize(("text", "value"), [(JSON, 40.389657), (CSV, 40.34)])
    def test_every_form_is_understood(self, text, value):
        """
        A number where there is one, perf's own words where there is none.
        """
        found = by_event(parse(text), [PKG, RAM, CORES])

        assert [(PKG, value, "Joules", "")] == [each[:4] for each in found[PKG]]
        assert [None, None] == [found[RAM][0].value, found[CORES][0].value]
        assert "perf says <not supported>" in found[RAM][0].reason
        assert "perf says <not counted>" in found[CORES][0].reason

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("1.373,00", 1373.0),  # es_ES
            ("1.234.567,89", 1234567.89),  # de_DE
            ("1\u202f373,00", 1373.0),  # fr_FR
            ("1\u00a0373,00", 1373.0),  # fr_FR, glibc before 2.27
            ("1\ufffd373,00", 1373.0),  # the same in Latin-1
            ("1 373,00", 1373.0),  # cs_CZ in an older encoding
            ("1'373.00", 1373.0),  # de_CH
            ("12,34,567.89", 1234567.89),  # en_IN
            ("0,00", 0.0),
            ("2,117,042,811", 2117042811.0),  # thousands are no decimals
        ],
    )
    def test_numbers_of_other_countries(self, text, value):
        """
        As perf prints them without LC_ALL=C.
        """
        assert value == number(text)

    def test_sockets_and_times_are_kept(self):
        """
        From them come the packages and the time that was really counted.
        """
        line = (
            '{"socket" : "S1", "aggregate-number" : 2, "counter-value" : "20.172410", "unit" : "Joules", '
            '"event" : "power/energy-pkg/", "event-runtime" : 201725311, "pcnt-running" : 100.00}'
        )

        assert Count(PKG, 20.17241, "Joules", "", "S1", 2, 201725311) == parse_json(line)
        assert Count(PKG, 20.17, "Joules", "", "S0", 2, 201725311) == parse_csv(
            f"S0,2,20.17,Joules,{PKG},201725311,100,,"
        )
        assert ("S-1", 2) == parse_csv(f"S-1,2,20.17,Joules,{PKG},201725311,100,,")[4:6]

    def test_localised_json_and_fields(self):
        """
        Old versions put the decimal comma in there, too.
        """
        line = (
            '{"counter-value" : "1373,004028", "unit" : "Joules", "event" : "power/energy-pkg/", '
            '"event-runtime" : 201725311, "pcnt-running" : 100,00, "metric-value" : 2,000046}'
        )

        assert (PKG, 1373.004028, "Joules") == parse_json(line)[:3]
        assert (PKG, 1373.0, "Joules") == parse_csv(f"1373,00,Joules,{PKG},201725311,100,00,,")[:3]
        assert ("cycles", 1234.0, "") == parse_csv("1234,,cycles,99,100.00,,")[:3]

    def test_what_is_no_count_is_passed_over(self):
        """
        Warnings, errors, other objects.
        """
        assert [] == parse(
            "Failed to read max cpus\n\n[1, 2]\n{}\n{1}\n" + '{"event" : "x"}\n{"event" : 5, "counter-value" : "1"}\n'
            "event syntax error: 'power/energy-pkg/'\n                     \\___ Cannot find PMU\n"
        )

    def test_a_count_that_is_no_number_is_none(self):
        """
        With what perf says instead.
        """
        found = parse_json('{"counter-value" : "nan", "event" : "power/energy-pkg/"}')

        assert (None, "perf says 'nan', which is not a number") == (found.value, found.reason)


class TestProperties:
    """
    Whatever the number.
    """

    @given(values)
    def test_a_number_comes_back(self, value):
        """
        In each country's way of writing it.
        """
        for decimals in (2, 6):
            plain = f"{value:,.{decimals}f}"
            for thousands, point in ((",", "."), (".", ","), (" ", ","), ("\u202f", ","), ("'", "."), ("", ",")):
                text = plain.replace(",", "t").replace(".", point).replace("t", thousands)
                assert float(plain.replace(",", "")) == number(text), text

    @given(st.text(max_size=20))
    def test_anything_else_is_refused(self, text):
        """
        Or it was a number, and not below 0.
        """
        with suppress(ValueError):
            assert number(text) >= 0

    @given(st.lists(st.tuples(events, values), min_size=1, max_size=5, unique_by=lambda row: row[0]), st.data())
    def test_output_that_was_cut_off_loses_numbers_but_changes_none(self, rows, data):
        """
        At any character, in any form.
        """
        forms = {
            "json": lambda event, value: json.dumps({"counter-value": f"{value:f}", "unit": "Joules", "event": event}),
            "csv": lambda event, value: f"S0,1,{value:.2f},Joules,{event},403424874,100.00,,",
        }
        form = data.draw(st.sampled_from(sorted(forms)))
        text = "\n".join(forms[form](event, value) for event, value in rows) + "\n"
        cut = data.draw(st.integers(0, len(text)))

        whole, part = (by_event(parse(each), [event for event, _ in rows]) for each in (text, text[:cut]))

        for event, value in rows:
            assert pytest.approx(float(value), abs=0.005001) == whole[event][0].value
            (found,) = part[event]
            assert found.value in {None, whole[event][0].value}
            assert bool(found.reason) == (found.value is None)
            assert found.run_ns in {None, whole[event][0].run_ns}

    @given(st.text())
    def test_no_text_breaks_it(self, text):
        """
        Each event has an answer all the same.
        """
        assume(PKG not in text)
        (found,) = by_event(parse(text), [PKG])[PKG]

        assert (None, "perf's output has no ") == (found.value, found.reason[:21])


class TestComplaints:
    """
    What perf says when it does not count.
    """

    @pytest.mark.parametrize(
        ("said", "line"),
        [
            (
                "event syntax error: 'power/energy-pkg/'\n                     \\___ Cannot find PMU `power'. Missing "
                "kernel support?\nRun 'perf list' for a list of valid events\n",
                "Cannot find PMU `power'. Missing kernel support?",
            ),
            (
                "Failed to read max cpus, using default of 4096\nevent syntax error: '..pkg/,power/energy-psys/'\n"
                "                  \\___ unknown term 'energy-psys' for pmu 'power'\n",
                "unknown term 'energy-psys' for pmu 'power'",
            ),
            ("Error:\nNo permission to enable\n", "No permission to enable"),
            ("sudo: a password is required\n", "sudo: a password is required"),
            ("", "perf said nothing"),
        ],
    )
    def test_it_is_one_line(self, said, line):
        """
        The one that points at the fault.
        """
        assert line == complaint(said)

    def test_a_lack_of_rights_is_told_as_everywhere(self):
        """
        perf fills a page with it.
        """
        said = "Error:\nAccess to performance monitoring is limited.\nperf_event_paranoid setting is 2:\n"

        assert "above 0 only those with CAP_PERFMON" in complaint(said)
