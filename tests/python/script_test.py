"""Loading scripts: what is found in a file, how it is called, and what is said about a file that is not right."""

import hashlib
import json
import sys
import textwrap
from types import SimpleNamespace

import pytest
from millrace import _script
from millrace._declare import ScriptError

IMPORTS = "from millrace import analyser, processor\n"
PLAIN = "@processor\ndef same(batch):\n    return batch\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a script, whose text begins at line 2; gives its path."""
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write(text, name="x.py"):
        path = tmp_path / name
        path.write_text(IMPORTS + textwrap.dedent(text))
        return path

    return write


@pytest.fixture
def load(write):
    return lambda text, **settings: _script.load(write(text), settings)


@pytest.fixture
def refusal(load):
    """The error of loading a script. Its message is one line and names the file."""

    def refusal(text, **settings):
        with pytest.raises(ScriptError) as caught:
            load(text, **settings)
        assert "\n" not in str(caught.value)
        assert "x.py" in str(caught.value)
        return caught.value

    return refusal


def test_a_function_with_everything_declared(load, tmp_path):
    script = load("""
        @processor(color="luma", dtype="float16", layout="nhwc", range=255, size=(64, 48), fit="letterbox", batch=4,
                   window=(1, 2), order="sequential", scale=2)
        def brighten(batch, *, gain: float = 1.5, name: str = "x", flag: bool = False, limit: int | None = None):
            return batch, gain, name, flag, limit
    """)
    assert script.description == {
        "kind": "processor",
        "name": "brighten",
        "settings": {
            "input.color": "y",
            "input.layout": "nhwc",
            "input.range": "255",
            "input.size": "[64, 48]",
            "input.fit": "letterbox",
            "window": "[1, 2]",
            "order": "sequential",
            "batch": "4",
        },
        "dtype": "float16",
        "scale": 2,
        "rate": 1,
        "saves": False,
        "batch": 4,
        "order": "sequential",
        "parameters": {"gain": 1.5, "name": "x", "flag": False, "limit": None},
        "sha256": hashlib.sha256((tmp_path / "x.py").read_bytes()).hexdigest(),
    }
    json.dumps(script.description, allow_nan=False)
    script.setup(None)
    assert script.process("b") == ("b", 1.5, "x", False, None)
    assert script.flush() is None
    script.close()


def test_what_is_not_declared_is_left_to_the_engine(load):
    description = load(PLAIN).description
    assert (description["settings"], description["dtype"]) == ({}, "float32")
    assert (description["scale"], description["batch"], description["order"]) == (1, 1, "any")
    assert load("@processor()\ndef f(batch): ...").description["kind"] == "processor"
    assert load("@analyser\ndef f(batch): ...").description["kind"] == "analyser"


def test_the_decorated_object_stays_what_it_was(load):
    script = load("@processor\ndef double(batch):\n    return 2 * batch\nassert double(4) == 8\n")
    script.setup(None)
    assert script.process(3) == 6


def test_a_class_is_made_at_setup_and_told_everything_in_order(load):
    script = load(
        """
        log = []

        @analyser(batch=2)
        class Tags:
            def __init__(self, *, threshold: float = 0.5):
                log.append(("made", threshold))
            def setup(self, info):
                log.append(("setup", info))
            def __call__(self, batch):
                log.append(("call", batch))
                return log
            def flush(self):
                log.append("flush")
                return ["late"]
            def close(self):
                log.append("close")
        """,
        threshold="0.25",
    )
    script.setup("info")
    log = script.process("batch")
    assert script.flush() == ["late"]
    script.close()
    assert log == [("made", 0.25), ("setup", "info"), ("call", "batch"), "flush", "close"]


def test_a_class_needs_only_call_and_may_inherit_it(load):
    script = load("""
        class Base:
            def __call__(self, batch): return batch + 1
        @processor
        class Next(Base): pass
    """)
    script.close()
    script.setup(None)
    assert script.process(1) == 2
    assert script.flush() is None


def test_helpers_beside_the_script_are_found_and_do_not_count(load, write):
    write("@processor\ndef other(batch):\n    return batch * 3\n", "beside_the_script.py")
    script = load("""
        from beside_the_script import other
        @processor
        def triple(batch):
            return other(batch)
        alias = triple
    """)
    assert script.description["name"] == "triple"
    script.setup(None)
    assert script.process(2) == 6


def test_dataclasses_and_the_own_module_work(load):
    script = load("""
        import dataclasses, sys
        @dataclasses.dataclass
        class Box:
            side: int
        @processor
        def f(batch):
            return __name__ in sys.modules, Box(2).side, __name__ == "__main__"
    """)
    script.setup(None)
    assert script.process(None) == (True, 2, False)


# What is wrong with the file.


def test_no_file(tmp_path):
    with pytest.raises(ScriptError, match=r"none\.py: cannot read the script: No such file or directory") as caught:
        _script.load(tmp_path / "none.py", {})
    assert caught.value.code == "bad_input"
    with pytest.raises(ScriptError, match="cannot read the script: Is a directory"):
        _script.load(tmp_path, {})


def test_syntax_error(refusal):
    error = refusal("def f(:\n    pass\n")
    assert "x.py, line 2: SyntaxError: " in str(error)
    assert "def f(:" in error.traceback


@pytest.mark.parametrize("content", [b"\x00\x01\x02", b"\xff\xfe#"])
def test_not_a_text_file(tmp_path, content):
    path = tmp_path / "x.py"
    path.write_bytes(content)
    with pytest.raises(ScriptError, match=r"x\.py.*: (SyntaxError|ValueError): "):
        _script.load(path, {})


def test_a_module_that_is_missing(refusal):
    message = str(refusal("import no_such_module_anywhere"))
    assert "x.py, line 2: ModuleNotFoundError: No module named 'no_such_module_anywhere'" in message
    assert f"install it for {sys.executable}, or choose another interpreter with --python" in message


def test_an_exception_at_import_has_only_the_scripts_frames(refusal):
    error = refusal("""
        def inner():
            return {}["missing"]
        inner()
    """)
    file = str(error).split(",", maxsplit=1)[0]
    assert str(error) == f"{file}, line 4: KeyError: 'missing'"
    assert error.code == "bad_input"
    assert [line.strip() for line in error.traceback.splitlines() if line.startswith("  File")] == [
        f'File "{file}", line 5, in <module>',
        f'File "{file}", line 4, in inner',
    ]


def test_an_exception_in_a_library_names_the_scripts_line(refusal):
    error = refusal("import json\njson.loads('{')\n")
    assert "x.py, line 3: json.decoder.JSONDecodeError: " in str(error)
    assert "decoder.py" in error.traceback


def test_a_syntax_error_beside_the_script_is_named_there(load, write):
    write("1 +\n", "broken_helper_of_x.py")
    with pytest.raises(ScriptError, match=r"broken_helper_of_x\.py, line 2: SyntaxError"):
        load("import broken_helper_of_x")


def test_a_proxy_that_cannot_be_looked_into_is_no_entry(load):
    script = load("""
        class Proxy:
            def __getattribute__(self, name):
                raise RuntimeError(name)
        proxy = Proxy()
        @processor
        def f(batch): ...
    """)
    assert script.description["name"] == "f"


def test_the_scripts_own_exceptions_have_their_name(refusal):
    error = refusal("class Bad(Exception): ...\nraise Bad('x')\n")
    assert str(error).endswith("x.py, line 3: Bad: x")
    assert error.traceback.endswith("\nBad: x\n")


def test_exit_at_import(refusal):
    assert "x.py, line 3: SystemExit: 3" in str(refusal("import sys\nsys.exit(3)\n"))


def test_no_entry(refusal):
    assert "no function or class of it is marked with @processor, @analyser or @generator" in str(
        refusal("def f(batch): ...")
    )


def test_two_entries(refusal):
    message = str(refusal(PLAIN + "@analyser\ndef tags(batch): ...\n"))
    assert "expected one function or class with @processor, @analyser or @generator, found same, tags" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('color="rbg"', "@processor's color: expected rgb, bgr, luma, y, yuv, found 'rbg'"),
        ('dtype="int8"', "@processor's dtype: expected float32, float16, uint8, found 'int8'"),
        ('layout="hwc"', "@processor's layout: expected nchw, nhwc, found 'hwc'"),
        ("range=2", "@processor's range: expected 1, 255, found 2"),
        ("range=True", "@processor's range: expected 1, 255, found True"),
        ('fit="squeeze"', "@processor's fit: expected stretch, letterbox, crop, found 'squeeze'"),
        ("size=224", "@processor's size: expected two numbers (width, height), found 224"),
        ("size=(0, 4)", "@processor's size: expected a whole number from 1 to 65536, found 0"),
        ("size=(4.5, 4)", "@processor's size: expected a whole number from 1 to 65536, found 4.5"),
        ("batch=0", "@processor's batch: expected a whole number from 1 to 1024, found 0"),
        ("window=(1,)", "@processor's window: expected two numbers (frames before, frames after), found (1,)"),
        ('window="1,1"', "@processor's window: expected two numbers (frames before, frames after), found '1,1'"),
        ("window=(-1, 0)", "@processor's window: expected a whole number from 0 to 256, found -1"),
        ('order="random"', "@processor's order: expected any, sequential, found 'random'"),
        ("scale=0", "@processor's scale: expected a whole number from 1 to 16, found 0"),
        ("scale=1.5", "@processor's scale: expected a whole number from 1 to 16, found 1.5"),
        (
            'colour="rgb"',
            "@processor has no argument colour; it has color, dtype, layout, range, size, fit, batch, window, order, "
            "scale, rate",
        ),
    ],
)
def test_decorator_arguments(refusal, arguments, message):
    error = refusal(f"\n@processor({arguments})\ndef f(batch): ...\n")
    assert str(error).endswith(f"x.py, line 3: {message}")
    assert error.code == "bad_input"


def test_an_analyser_has_no_scale(refusal):
    assert "@analyser has no argument scale; it has color," in str(refusal("@analyser(scale=2)\ndef f(batch): ..."))


def test_decorating_something_else(refusal):
    assert "@processor stands before a function or class, found 3" in str(refusal("processor(3)"))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("def f(): ...", "f: expected one positional argument, the batch, found none"),
        ("def f(batch, gain: float = 1.0): ...", "found batch, gain; parameters stand after a *, as in (batch, *, "),
        ("def f(*batches): ...", "found *batches"),
        ("def f(batch, *, gain=1.0): ...", "the parameter gain has no type; annotate it with bool, int, float, str"),
        ("def f(batch, *, gain: list = ()): ...", "the parameter gain has the type <class 'list'>; annotate it"),
        ("def f(batch, *, gain: int | str = 1): ...", "the parameter gain has the type int | str; annotate it"),
        ("def f(batch, *, gain: 'Gain' = 1): ...", "the annotation 'Gain', which fails: name 'Gain' is not defined"),
        ("def f(batch, *, gain: float = None): ...", "its default is None; write float | None"),
        ("def f(batch, *, gain: int = 1.5): ...", "is int, but its default is 1.5; make them agree"),
        ("def f(batch, **more): ...", "it takes **more; name each parameter"),
        ("class F: ...", "F: the class F has no __call__(self, batch); write one"),
        ("class F:\n def __call__(self): ...", "F.__call__ is called as __call__(self, batch): too many positional"),
        ("class F:\n def __call__(self, b): ...\n def setup(self): ...", "F.setup is called as setup(self, info): too"),
        ("class F:\n def __call__(self, b): ...\n def close(self, x): ...", "F.close is called as close(self): miss"),
        (
            "class F:\n def __init__(self, a): ...\n def __call__(self, b): ...",
            "expected no positional arguments, found a",
        ),
    ],
)
def test_signatures(refusal, entry, message):
    assert message in str(refusal(f"@processor\n{entry}\n"))


# What goes wrong while it works.


def test_an_exception_in_a_call_names_the_line(load):
    script = load("@processor\ndef f(batch):\n    return 1 / batch\n")
    script.setup(None)
    with pytest.raises(ScriptError, match=r"x\.py, line 4: ZeroDivisionError: division by zero") as caught:
        script.process(0)
    assert caught.value.code == "failed"
    assert caught.value.traceback.startswith("  File ")
    assert "line 4, in f" in caught.value.traceback
    assert "_script.py" not in caught.value.traceback
    assert script.process(2) == 0.5


@pytest.mark.parametrize("method", ["__init__(self)", "setup(self, info)", "flush(self)", "close(self)"])
def test_an_exception_in_a_hook_names_the_line(load, method):
    script = load(
        f"@processor\nclass F:\n  def __call__(self, batch): ...\n  def {method}:\n    raise OSError('a\\nb')\n"
    )

    def whole_life():
        script.setup(None)
        script.flush()
        script.close()

    with pytest.raises(ScriptError, match=r"x\.py, line 6: OSError: a b$"):
        whole_life()


def test_check_names_the_script(load):
    script = load(PLAIN)
    batch = SimpleNamespace(frames=2, slots=2, rate=1, result_shape=(3, 4, 4), dtype="float32")
    expected = r"x\.py: same returned: expected float32 \[2, 3, 4, 4\], found NoneType"
    with pytest.raises(ScriptError, match=expected) as caught:
        script.check(None, batch)
    assert caught.value.code == "failed"
