"""
The page: everything a report knows, and nothing that a name in it could do.
"""

from __future__ import annotations

import doctest
import importlib
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from page_kit import EPYC, EVIL, call, metered, read, run, worker

from greensdk.report import EnergyReport
from greensdk.report.columns import instant
from greensdk.report.page import SECTIONS, page
from greensdk.report.page.html import Html, html, joined, name_of, table, tag
from greensdk.report.page.lanes import Bar, _add, prepared
from greensdk.report.page.view import View, sampled

pytestmark = pytest.mark.slow

pytest.importorskip("matplotlib")

MADE = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
VOID = {"meta", "wbr"}
INLINE = {"bdi", "wbr", "strong"}


class Reader(HTMLParser):
    """
    Reads a page as a browser would: which elements, which attributes, which text.
    """

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.words = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        """
        Note an element.
        """
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)
        if tag not in INLINE:
            self.words.append(" ")

    def handle_startendtag(self, tag, attrs):
        """
        Note an element of a picture.
        """
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        """
        Insist that it ends what was opened last.
        """
        assert tag == self.open.pop()

    def handle_data(self, data):
        """
        Note text.
        """
        self.words.append(data)

    @property
    def text(self):
        """
        All of it, with single spaces.
        """
        return " ".join("".join(self.words).split())


def made(records, **options):
    """
    Return the page of these records.
    """
    return page(EnergyReport(records), made=MADE, **options)


def text_of(records, **options):
    """
    Return what a reader of the page of these records reads.
    """
    return Reader(made(records, **options)).text


@pytest.fixture(scope="module")
def big():
    """
    The page of a run of 500 calls.
    """
    return made(run(), sources=["runs/energy.jsonl"])


class TestWhole:
    """
    The page as a document.
    """

    def test_it_is_well_formed_and_has_all_sections(self, big):
        """
        Each opened element is closed, and each section but the first has a heading.
        """
        read_back = Reader(big)

        assert [] == read_back.open
        # A sweep over worker counts and calls inside calls, which two sections are about, are not among these.
        assert len(SECTIONS) - 2 == big.count("<section>")
        # The first section is the page's headline itself.
        assert len(SECTIONS) - 3 == read_back.tags.count("h2")

    def test_nothing_in_it_is_loaded_from_anywhere(self, big):
        """
        No script, no link, no image, no address; and the policy forbids what could be overlooked.
        """
        read_back = Reader(big)
        addresses = [value for name, value in read_back.attributes if name in ("href", "src", "xlink:href", "action")]

        assert not {"script", "link", "img", "iframe", "object", "a", "form"} & set(read_back.tags)
        assert all(address.startswith("#") for address in addresses)
        assert any(name == "content" and value.startswith("default-src 'none'") for name, value in read_back.attributes)
        assert [] == re.findall(r"url\((?!#)|@import", big)

    def test_the_same_records_make_the_same_page(self, big):
        """
        But for the time it is made.
        """
        assert big == made(run(), sources=["runs/energy.jsonl"])
        assert "2026-03-02 12:00:00 UTC" in big

    def test_ids_are_unique_over_all_pictures(self, big):
        """
        Two pictures with one id would show each other's shapes.
        """
        ids = re.findall(r'\bid="([^"]+)"', big)

        assert len(set(ids)) == len(ids) > 0
        assert {name.removeprefix("#") for name in re.findall(r'(?:href="|url\()(#[^")]+)', big)} <= set(ids)

    def test_pictures_take_the_colours_of_the_page(self, big):
        """
        None of the colours that stand for others is left, and none is matplotlib's own.
        """
        pictures = "".join(re.findall("<svg.*?</svg>", big, re.DOTALL))

        assert {"none"} >= set(re.findall(r"(?:fill|stroke): ?(none|#[0-9a-f]+)", pictures))
        assert "var(--c0)" in pictures
        assert "var(--ink)" in pictures

    def test_pictures_say_what_they_are(self, big):
        """
        A title and a label for who can't see them.
        """
        pictures = re.findall("<svg[^>]*>.{7}", big)

        assert len(pictures) >= 8
        assert all('role="img" aria-label="' in start and start.endswith("><title>") for start in pictures)

    def test_each_table_has_a_caption_and_headings(self, big):
        """
        For who has the page read out.
        """
        read_back = Reader(big)

        assert read_back.tags.count("table") == read_back.tags.count("caption") == read_back.tags.count("thead") > 8
        assert ("scope", "row") in read_back.attributes

    def test_no_calls_are_a_page_too(self):
        """
        It says that there are none.
        """
        assert "No calls." in text_of([])

    def test_records_of_an_older_minor_schema_make_a_page(self):
        """
        Keys that came later are missing.
        """
        late = ("cost", "carbon", "errors", "plugins", "config_digest", "runs", "label", "error_type", "greensdk")
        old = {key: value for key, value in call(1).items() if key not in late}

        assert "energy 10.0 J" in text_of([old])

    def test_a_section_can_be_added(self):
        """
        By whoever makes the page.
        """

        def forecast(view):
            return joined([tag("h2", "Forecast"), tag("p", f"{view.report.energy_j} J & more")])

        assert "<h2>Forecast</h2><p>10.0 J &amp; more</p>" in made([call(1)], sections=[*SECTIONS, forecast])

    @pytest.mark.slow
    def test_a_hundred_thousand_calls_stay_below_two_megabytes(self):
        """
        The pictures show some of them, and say so.
        """
        calls = [call(number, number / 50, 0.5, function=f"f{number % 9}") for number in range(100_000)]
        text = made(calls)

        assert len(text.encode()) < 2_000_000
        assert "Of 100,000 calls, 1,000 are drawn" in text


class TestHarmless:
    """
    What others chose is text, wherever it turns up.
    """

    @pytest.mark.parametrize("evil", EVIL, ids=lambda text: repr(text[:12]))
    def test_a_name_is_never_markup(self, evil):
        """
        As function, label, host, backend, pod, error, reason, basis, monitor, boundary, plugin, source, line.
        """
        reading = {**read(evil, evil, 1.0, quality="estimated"), "attributes": {"basis": evil}}
        everywhere = call(
            1,
            readings=[reading, read(evil + "2", evil, 2.0), read("nvml", "gpu", None, evil)],
            function=evil,
            label=evil,
            status="error",
            error_type=evil,
            errors={evil: evil},
            host={"host_id": evil, "boot_id": evil, "cpu_model": evil},
            worker=worker(backend=evil, pod=evil, call_id=evil, stage=evil),
            cost={"electricity": 1.0, "electricity_currency": evil},
            plugins={evil: evil},
            config_digest=evil,
            greensdk=evil,
        )
        unknown = call(2, function=None, label=evil, readings=[], reason=evil)
        text = made([everywhere, unknown], sources=[evil], unreadable=[evil])
        read_back = Reader(text)

        assert not {"script", "img", "b", "style "} & set(read_back.tags)
        assert 1 == read_back.tags.count("style")
        assert not any(name.startswith("on") for name, _ in read_back.attributes)
        assert not set("\x00\x1b\u202e") & set(text)
        assert len(text) < 400_000

    def test_a_lone_surrogate_can_be_written(self):
        """
        UTF-8 has none.
        """
        assert b"x\\ud800" in made([call(1, function="x\ud800")]).encode()

    def test_what_is_too_long_ends_in_an_ellipsis(self):
        """
        The tooltip holds more.
        """
        shown = name_of("n" * 5000)

        assert "n" * 119 + "…" in shown
        assert 'title="' + "n" * 1000 + '"' in shown

    def test_only_markup_is_markup(self):
        """
        In children, attributes, cells and captions alike.
        """
        assert '<p title="&quot;&lt;">&lt;b&gt;<i></i></p>' == tag("p", "<b>", tag("i"), title='"<')
        assert "&lt;b&gt;" == html(html("<b>"))
        assert "<b>" not in table("<b>", ["<b>"], [["<b>"]])
        assert isinstance(joined(["<"]), Html)


@pytest.mark.parametrize("name", ["columns", "shape", "text", "page.html", "page.plots", "page.sums", "page.units"])
def test_examples_in_docstrings_run(name):
    """
    Every ``>>>`` prints what stands below it.
    """
    failed, tried = doctest.testmod(importlib.import_module(f"greensdk.report.{name}"))

    assert not failed
    assert tried


class TestNumbers:
    """
    What the page says.
    """

    def test_the_sum_has_its_interval_and_coverage(self):
        """
        One call of three has no number.
        """
        text = text_of([call(1), call(2, runs=4), call(3, readings=[])])

        assert "energy 20.0 J" in text
        assert "90%: 18.0 – 22.0 J" in text
        assert "66.7% with known energy" in text
        assert "4.00 J per run (5 runs)" in text

    def test_groups_are_told_apart_by_each_key(self):
        """
        A key that no call has gets no table.
        """
        other = call(2, function="g", host=EPYC, worker=worker(call_id="00001"), label="night")
        text = text_of([call(1, worker=worker()), other])

        for words in ("By function or block", "By label", "By machine", "By backend"):
            assert words in text
        assert "By stage" not in text
        assert "AMD EPYC 7763, 128 CPUs" in text

    def test_the_top_calls_of_one_process_are_told_apart(self):
        """
        Their ids differ at the end only; Lithops' ids are shown where a call has them.
        """
        beginning = "a6b0ecf39578cb6c42d5"
        calls = [call(number, record_id=f"{beginning}{number:012x}") for number in (1, 2)]
        text = text_of([*calls, call(3, worker=worker(job_id="M007", call_id="00012"))])

        assert "a6b0ecf3…000001" in text
        assert "a6b0ecf3…000002" in text
        assert "M007/00012" in text

    def test_a_long_table_says_that_it_is_cut(self):
        """
        The sums are of all calls.
        """
        text = text_of([call(number, function=f"f{number}") for number in range(30)])

        assert "By function or block (the first 25 of 30)" in text
        assert "energy 300 J" in text

    def test_methods_of_other_boundaries_are_not_compared_silently(self):
        """
        The wall's joules hold the package's.
        """
        readings = [read("rapl", "package", 10.0), read("perf", "package", 9.0), read("model", "wall", 30.0)]
        text = text_of([call(1, readings=readings)])

        assert "×0.900" in text
        assert "×3.00 different scope" in text
        assert "1 call, energy from rapl (package)" in text

    def test_meters_show_what_is_nobodys(self):
        """
        Two calls with half of the CPU time each, one after the other.
        """
        text = text_of([metered(1, 0.0, 2.0, 10.0), metered(2, 2.0, 2.0, 10.0)])

        assert "unattributed 50.0% 20.0 J not used by any tracked call" in text
        assert "by the CPU time of each call" in text

    def test_failures_are_counted_with_their_reasons(self):
        """
        How calls ended, why numbers are missing, what broke while measuring, what could not be read.
        """
        lost = call(2, 0.0, None, readings=[], status="lost")
        records = [call(1, status="error", error_type="KeyError", errors={"perf": "no such device"}), lost]
        text = text_of(records, unreadable=["a.jsonl:7: torn line"])

        for words in ("KeyError", "no such device", "no monitor can measure here", "a.jsonl:7: torn line", "lost"):
            assert words in text

    def test_estimates_say_what_they_rest_on(self):
        """
        With how many calls.
        """
        text = text_of([call(1, readings=[read("psutil-tdp", "package", 1.0, quality="estimated")])])

        assert "a model of the machine" in text
        assert "12 hosts" in text

    def test_pauses_are_left_out_of_the_timeline_and_it_says_so(self):
        """
        Two runs, a day apart.
        """
        text = text_of([call(1, 0.0), call(2, 86_400.0)])

        assert "1 idle gap cut" in text

    def test_the_timeline_shows_the_busiest_workers_whole(self):
        """
        Of 60 machines, 40; a worker whose calls are left out would look idle.
        """
        hosts = [{**EPYC, "host_id": f"{number:016x}", "boot_id": f"{number}"} for number in range(60)]
        calls = [call(number, number / 100, 1.0 + number, host=host) for number, host in enumerate(hosts)]

        assert "Shown are the 40 busiest of 60 workers" in text_of(calls)

    def test_calls_side_by_side_are_workers_of_one_machine(self):
        """
        And calls one after the other are one worker.
        """
        found = prepared(View(EnergyReport([call(1, 0.0), call(2, 0.5), call(3, 2.0)]), MADE).calls)

        assert ["aaaa000011112222"] * 2 == found.lanes
        assert [(0.0, 0), (2.0, 0), (0.5, 1)] == [(bar.start_s, bar.lane) for bar in found.bars]

    def test_power_is_the_calls_joules_over_their_time(self):
        """
        Two calls of 10 J a second overlap for half a second; the area is their joules.
        """
        found = prepared(View(EnergyReport([call(1, 0.0), call(2, 0.5)]), MADE).calls)
        (watts,) = found.power.values()

        assert pytest.approx(20.0) == sum(watts) * found.length_s / len(watts)
        assert pytest.approx([10.0, 20.0, 10.0]) == [watts[10], watts[150], watts[-10]]

    def test_calls_too_short_to_be_seen_share_a_bar(self):
        """
        However many there are.
        """
        calls = [call(number, number * 0.001, 0.001, function=f"f{number % 2}") for number in range(5000)]
        found = prepared(View(EnergyReport(calls), MADE).calls)

        assert len(found.bars) <= 2500
        assert pytest.approx(5.0, rel=0.01) == sum(bar.stop_s - bar.start_s for bar in found.bars)

    def test_cost_is_shown_where_it_is_known(self):
        """
        Dollars first, then electricity in its currency, else why there is none.
        """
        electricity = {"electricity": 0.002, "electricity_currency": "EUR"}

        assert "bill of a call (USD)" in text_of([call(1, cost={"usd": 0.1, **electricity})])
        assert "electricity of a call (EUR)" in text_of([call(1, cost=electricity)])
        assert "No prices known" in text_of([call(1)])

    def test_the_page_says_where_it_comes_from(self, big):
        """
        Sources, versions, the rule of attribution.
        """
        text = Reader(big).text

        assert "runs/energy.jsonl" in text
        assert "rapl 0.1.0" in text
        assert "cpu: by the CPU time of each call" in text

    def test_a_sample_is_even_and_holds_the_biggest(self):
        """
        And a short list is taken whole.
        """
        from greensdk.report.page.view import Call

        calls = [Call(number, float(number == 777), float(number), 1.0, 0, {}) for number in range(1000)]
        found = sampled(calls, 100)

        assert 100 >= len(found) > 90
        assert calls[777] in found
        assert calls[:50] == sampled(calls[:50], 100)

    @pytest.mark.parametrize("text", [None, 7, "", "yesterday"])
    def test_a_time_that_is_none_is_none(self, text):
        """
        And its call is left out of the timeline.
        """
        assert instant(text) is None
        assert "1 call without a start time: not drawn" in text_of([call(1), call(2, started_at=text)])


@pytest.mark.parametrize("tiny", [1, 2])
def test_a_bar_of_several_calls_has_the_colour_of_the_longest(tiny):
    """
    Calls of a microsecond right before a long one don't give it their name.
    """
    bars = []
    for number in range(tiny):
        _add(bars, Bar(0.5 + 1.5e-4 * number, 0.5 + 1.5e-4 * number + 1e-6, 0, 1), 6e-4)
    _add(bars, Bar(0.50023, 0.5317, 0, 2), 6e-4)

    assert [2] == [bar.kind for bar in bars if bar.stop_s - bar.start_s > 0.03]
