"""
The settings: their kinds, what a text means for them, and what is said about a wrong one.
"""

from __future__ import annotations

import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greensdk import ConfigError, energy_tracked
from greensdk.configure.settings import KEYS, check, checked_table, from_text, unknown

RIGHT = {
    "monitors": ["auto", "all", [], ["rapl"], ("rapl", "perf")],
    "order": [[], ["rapl"]],
    "sink": ["x.jsonl", ["stdout:", "memory:"], []],
    "label": ["train", ""],
    "tags": [{}, {"run": 1, "who": "me", "dry": True, "x": 0.5, "none": None}],
    "boundary": ["package"],
    "resources": ["none", "light", "full"],
    "calibration": ["calibration.json"],
    "sample_every_s": [1, 0.01],
    "checkpoint_s": [60, 0.5],
    "signals": [True, False],
    "gpu_sync": [True, False],
    "repeat": [1, 1000],
    "every_s": [1, 0.5],
    "strict": [True, False],
}
WRONG = {
    "monitors": ["rapl", 1, [1], {}, None],
    "order": ["rapl", [1]],
    "sink": [1, [None]],
    "label": [1, []],
    "tags": [[], "a=b", {"a": []}, {1: "a"}, {"a": object()}],
    "boundary": [["package"]],
    "resources": ["lots", True, []],
    "calibration": [1, []],
    "sample_every_s": [0, -1, float("inf"), float("nan"), True, "1"],
    "checkpoint_s": [0, -1, float("inf"), float("nan"), True, "1"],
    "signals": ["yes", 1, None],
    "gpu_sync": ["yes", 1, None],
    "repeat": [0, -1, 1.5, True, "2"],
    "every_s": [0, -1.0, float("inf"), float("nan"), True, "2"],
    "strict": ["yes", 1, None],
}


def test_every_key_is_an_argument_of_the_decorator_with_a_meaning():
    """
    The decorator's signature and the table of settings say the same.
    """
    signature = typing.get_type_hints(typing.get_overloads(energy_tracked)[1])

    assert {*KEYS, "plugins", "return"} == signature.keys()
    assert all(meaning for _, meaning in KEYS.values())
    assert KEYS.keys() == RIGHT.keys() == WRONG.keys()


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in RIGHT.items() for value in values])
def test_a_value_of_the_right_kind_is_taken(key, value):
    """
    As it is; a tuple becomes the list that JSON would make of it.
    """
    assert (list(value) if isinstance(value, tuple) else value) == check("here", key, value)


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_a_value_of_another_kind_is_refused_with_place_and_meaning(key, value):
    """
    One line tells where it stands, what it is, and what would be right.
    """
    with pytest.raises(ConfigError) as refused:
        check("here", key, value)
    assert f"here: {key} = {value!r}: expected {KEYS[key][1]}" == str(refused.value)


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("monitors", "auto", "auto"),
        ("monitors", "all", "all"),
        ("monitors", "rapl", ["rapl"]),
        ("monitors", " rapl , perf,", ["rapl", "perf"]),
        ("monitors", "", []),
        ("order", "rapl", ["rapl"]),
        ("sink", "stdout:", "stdout:"),
        ("sink", "stdout:,x.jsonl", ["stdout:", "x.jsonl"]),
        ("label", "a, b", "a, b"),
        ("tags", "run=1, who = me,", {"run": "1", "who": "me"}),
        ("tags", "url=http://x/?a=b", {"url": "http://x/?a=b"}),
        ("resources", "full", "full"),
        ("sample_every_s", " 0.5", 0.5),
        ("sample_every_s", "10", 10.0),
        *(("strict", text, True) for text in ("1", "true", "Yes", "ON")),
        *(("strict", text, False) for text in ("0", "False", "no", "off", "")),
    ],
)
def test_a_text_means_what_its_key_asks_for(key, text, expected):
    """
    An environment variable holds nothing but text.
    """
    assert expected == from_text("GREENSDK_X", key, text)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("strict", "maybe"),
        ("resources", "lots"),
        ("tags", "run"),
        ("tags", "=,x"),
        *(("sample_every_s", text) for text in ("0", "often", "nan")),
    ],
)
def test_a_text_that_means_nothing_is_refused_with_its_variable(key, text):
    """
    The message names the variable, not only the key.
    """
    with pytest.raises(ConfigError, match=f"^GREENSDK_X.*{text}.*expected"):
        from_text("GREENSDK_X", key, text)


@given(st.sampled_from(sorted(KEYS)), st.text())
def test_whatever_a_text_means_is_of_the_right_kind(key, text):
    """
    The environment can't bring in what an argument could not.
    """
    try:
        value = from_text("GREENSDK_X", key, text)
    except ConfigError:
        return
    assert value == check("again", key, value)


def test_an_unknown_name_gets_the_nearest_known_one():
    """
    Or all of them, when none is near.
    """
    assert "f.toml: unknown key 'lable'; did you mean 'label'?" == unknown("f.toml", "lable", KEYS)
    assert "f: unknown sink 'xyz'; known: a, b" == unknown("f", "xyz", ["b", "a"], "sink")


class Typed:
    """
    Stands for a plugin's class.
    """

    def __init__(
        self,
        uri: str,
        *,
        root: str = "/",
        watts: float | None = None,
        threads: int = 1,
        fast: bool = False,
        zones: list[str] | None = None,
        limits: dict[str, float] | None = None,
        anything=None,
        **rest: int,
    ) -> None:
        pass


def typed(value, key: str, skip: int = 1):
    """
    Return what becomes of `value` as `key` of `Typed`.
    """
    return checked_table("acme", f"{__name__}:Typed", {key: (value, "f.toml")}, skip)[key]


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """
    Let `Typed` be imported by its reference.
    """
    import sys

    module = type(sys)(__name__)
    module.Typed = Typed
    monkeypatch.setitem(sys.modules, __name__, module)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("root", "/sys", "/sys"),
        ("root", "5", "5"),
        ("watts", 65, 65.0),
        ("watts", 65.5, 65.5),
        ("watts", "65.5", 65.5),
        ("watts", None, None),
        ("threads", 4, 4),
        ("threads", "4", 4),
        ("fast", True, True),
        ("fast", "yes", True),
        ("fast", "0", False),
        ("zones", ["a"], ["a"]),
        ("zones", "a, b", ["a", "b"]),
        ("limits", {"a": 1.0}, {"a": 1.0}),
        ("anything", {"a": [1]}, {"a": [1]}),
        ("anything", "5", "5"),
    ],
)
def test_a_plugins_key_takes_the_type_of_its_parameter(key, value, expected):
    """
    A text, all that the environment has, is read as the annotation says.
    """
    found = typed(value, key)
    assert expected == found
    assert type(expected) is type(found)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("root", 5),
        ("root", True),
        ("watts", "many"),
        ("watts", True),
        ("watts", [1.0]),
        ("threads", 1.5),
        ("threads", "1.5"),
        ("threads", False),
        ("fast", 1),
        ("fast", "perhaps"),
        ("zones", 3),
        ("zones", {"a": 1}),
        ("limits", ["a"]),
        ("limits", "a"),
    ],
)
def test_a_plugins_key_of_another_type_is_refused(key, value):
    """
    Nothing is cut or rounded to make it fit.
    """
    with pytest.raises(ConfigError) as refused:
        typed(value, key)
    assert str(refused.value).startswith(f"f.toml: [acme] {key} = {value!r}: expected ")


@pytest.mark.parametrize("key", ["wats", "uri", "rest", "self"])
def test_a_key_that_is_no_keyword_is_unknown(key):
    """
    Nor is a sink's URI, nor what a class takes by other names.
    """
    with pytest.raises(ConfigError, match=rf"f.toml: unknown key of \[acme\] '{key}'; "):
        typed(1, key)


def test_types_that_are_no_texts_count_as_well(monkeypatch):
    """
    A module without ``from __future__ import annotations`` has types for annotations.
    """
    monkeypatch.setattr(Typed.__init__, "__annotations__", {"watts": float | None, "zones": list[str], "fast": bool})

    assert 65.5 == typed("65.5", "watts")
    assert ["a"] == typed("a", "zones")
    assert typed("yes", "fast") is True


def test_a_class_that_can_not_be_imported_leaves_its_table_as_it_is():
    """
    Whoever opens the monitor meets the error, and has a record to put it in.
    """
    assert {"a": 1} == checked_table("acme", "no_such_module:X", {"a": (1, "f.toml")})
