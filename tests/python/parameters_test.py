"""Parameters of scripts: from --set's text to values, and what is said about those that do not fit."""

import pytest
from millrace import _script
from millrace._declare import ScriptError

IMPORTS = "import typing\nfrom millrace import processor\n"
FUNCTION = "@processor\ndef f(batch, *, p: {annotation}): return p\n"
CLASS = (
    "@processor\nclass F:\n def __init__(self, *, p: {annotation}): self.p = p\n"
    " def __call__(self, batch): return self.p\n"
)


@pytest.fixture
def load(tmp_path):
    def load(text, head="", **settings):
        path = tmp_path / "x.py"
        path.write_text(head + IMPORTS + text)
        return _script.load(path, settings)

    return load


def refusal(load, text, settings):
    with pytest.raises(ScriptError) as caught:
        load(text, **settings)
    assert caught.value.code == "usage"
    assert "x.py: f: " in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        ("int", "-3", -3),
        ("float", "2", 2.0),
        ("float", "1e-3", 0.001),
        ("str", "a=b ", "a=b "),
        ("str", "", ""),
        ("str", "none", "none"),
        ("bool", "true", True),
        ("bool", "Off", False),
        ("bool", "0", False),
        ("int | None", "none", None),
        ("int | None", "None", None),
        ("int | None", "4", 4),
        ("typing.Optional[float]", "0.5", 0.5),
        ("'float'", "0.5", 0.5),
        ("'typing.Optional[str]'", "none", None),
    ],
)
@pytest.mark.parametrize("head", ["", "from __future__ import annotations\n"])
@pytest.mark.parametrize("entry", [FUNCTION, CLASS])
def test_text_becomes_a_value_of_the_annotated_type(load, entry, head, annotation, text, value):
    script = load(entry.format(annotation=annotation), head, p=text)
    assert script.description["parameters"] == {"p": value}
    script.setup(None)
    found = script.process(None)
    assert found == value
    assert type(found) is type(value)


def test_a_default_is_of_the_annotated_type_too(load):
    script = load("@processor\ndef f(batch, *, p: float = 1, q: int | None = None): return p, q")
    script.setup(None)
    assert [(type(value), value) for value in script.process(None)] == [(float, 1.0), (type(None), None)]


def test_an_infinite_value_is_recorded_as_text(load):
    script = load('@processor\ndef f(batch, *, most: float = float("inf")): return most')
    assert script.description["parameters"] == {"most": "inf"}
    script.setup(None)
    assert script.process(None) == float("inf")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gian": "1"}, "no parameter is called gian; it has n (int, must be given), gain (float or none, default 1"),
        ({}, "the parameter n must be given with --set; it has n (int"),
        ({"n": "1.5"}, "n: cannot use '1.5'; it has n (int, must be given)"),
        ({"n": "1", "gain": "loud"}, "gain: cannot use 'loud'; it has"),
        ({"n": ""}, "n: cannot use ''"),
        ({"n": "none"}, "n: cannot use 'none'"),
    ],
)
def test_settings_that_do_not_fit(load, settings, message):
    assert message in refusal(load, "@processor\ndef f(batch, *, n: int, gain: float | None = 1.5): ...\n", settings)


def test_a_flag_is_a_word_of_its_own(load):
    message = refusal(load, "@processor\ndef f(batch, *, flag: bool): ...", {"flag": "maybe"})
    assert "flag: cannot use 'maybe'; it has flag (bool, must be given)" in message


def test_a_setting_of_a_script_without_parameters(load):
    assert "no parameter is called gain; it has none" in refusal(load, "@processor\ndef f(batch): ...", {"gain": "1"})
