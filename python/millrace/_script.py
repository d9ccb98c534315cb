"""Loading a script: a Python file with one decorated function or class."""

from __future__ import annotations

import functools
import hashlib
import inspect
import math
import re
import sys
import traceback as tracebacks
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace._declare import ATTRIBUTE, Declaration, Kind, ScriptError, engine_settings
from millrace._generator import described, signature_error, without_start
from millrace._parameters import Parameter, converted, parameters_of
from millrace._place import is_own
from millrace._results import Expected, check_result

__all__ = ["Script", "ScriptError", "check_result", "load"]

_MODULE = "_millrace_script_"  # before a hash of its path
_HOOKS = {"setup": ("info",), "save": (), "load": ("state",), "flush": (), "close": ()}  # with these arguments


def _frames_of(error: BaseException, file: str) -> list[tracebacks.FrameSummary]:
    """The frames from the script's first one on: what led there is ours."""
    frames = list(tracebacks.extract_tb(error.__traceback__))
    first = next((index for index, frame in enumerate(frames) if frame.filename == file), len(frames))
    return [frame for frame in frames[first:] if not frame.filename.startswith("<frozen ")]


def _place_of(error: BaseException, file: str, frames: list[tracebacks.FrameSummary]) -> str:
    """ "/scripts/x.py, line 3": the last place in the script's folder."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    own = [frame for frame in frames if is_own(frame.filename, Path(file).parent)]
    return f"{own[-1].filename}, line {own[-1].lineno}" if own else file


def _last_lines(error: BaseException) -> str:
    """Of a traceback; the script's own exceptions without the name that its module has here."""
    return re.sub(_MODULE + "[0-9a-f]+[.]", "", "".join(tracebacks.format_exception_only(type(error), error)))


def _said(error: BaseException) -> str:
    """What an exception says, on one line."""
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    text = " ".join(_last_lines(error).split())
    if isinstance(error, ModuleNotFoundError):
        text += f"; install it for {sys.executable}, or choose another interpreter with --python"
    return text


def _failure(error: BaseException, file: str, code: str) -> ScriptError:
    """An exception out of the script, as one line that names the place, and its traceback."""
    frames = _frames_of(error, file)
    place = _place_of(error, file, frames)
    if isinstance(error, ScriptError):
        return ScriptError(f"{place}: {error}", code=error.code)
    listed = "".join(tracebacks.format_list(frames)) + _last_lines(error)
    return ScriptError(f"{place}: {_said(error)}", code=code, traceback=listed)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ScriptError(f"{path}: cannot read the script: {error.strerror}") from error


def _executed(path: Path, source: bytes) -> types.ModuleType:
    """The file as a module, under a name that no other module has."""
    name = f"{_MODULE}{hashlib.sha256(bytes(path)).hexdigest()[:16]}"
    module = types.ModuleType(name)
    module.__file__ = str(path)
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    sys.modules[name] = module
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _failure(error, str(path), "bad_input") from error
    return module


def _declaration_of(value: object) -> Declaration | None:
    try:
        found = vars(value).get(ATTRIBUTE)  # its own, not a base class's
    except Exception:  # numbers have none, and proxies may raise what they like
        return None
    return found if isinstance(found, Declaration) else None


def _entry_of(module: types.ModuleType, path: Path) -> tuple[Any, Declaration]:
    """The one decorated object that the file itself defines."""
    found: dict[int, tuple[str, Any, Declaration]] = {}
    for name, value in vars(module).items():
        declaration = _declaration_of(value)
        if declaration and getattr(value, "__module__", None) == module.__name__:
            found.setdefault(id(value), (name, value, declaration))
    if not found:
        raise ScriptError(
            f"{path}: no function or class of it is marked with @processor, @analyser or @generator; mark one"
        )
    if len(found) > 1:
        names = ", ".join(name for name, _, _ in found.values())
        raise ScriptError(
            f"{path}: expected one function or class with @processor, @analyser or @generator, found {names}"
        )
    _, entry, declaration = next(iter(found.values()))
    return entry, declaration


def _defines(entry: type, name: str) -> bool:
    return any(name in vars(base) for base in entry.__mro__ if base is not object)


def _check_method(entry: type, name: str, arguments: Sequence[str]) -> None:
    try:
        inspect.signature(getattr(entry, name)).bind(*range(len(arguments) + 1))
    except TypeError as error:
        wanted = ", ".join(["self", *arguments])
        raise ScriptError(f"{entry.__name__}.{name} is called as {name}({wanted}): {error}") from error


def _parameters_of(entry: Any, kind: Kind) -> list[Parameter]:
    generates = kind == "generator"
    if not inspect.isclass(entry):
        return without_start(parameters_of(entry, 0)) if generates else parameters_of(entry, 1)
    if not _defines(entry, "__call__"):
        wanted = "self" if generates else "self, batch"
        raise ScriptError(f"the class {entry.__name__} has no __call__({wanted}); write one")
    if generates and (wrong := signature_error(entry)):
        raise ScriptError(wrong)
    if not generates:
        _check_method(entry, "__call__", ["batch"])
    for name, arguments in _HOOKS.items():
        if _defines(entry, name):
            _check_method(entry, name, arguments)
    return parameters_of(entry, 0) if _defines(entry, "__init__") else []


def _saves(entry: Any, declaration: Declaration) -> bool:
    """Whether an entry's state can be kept."""
    has = [name for name in ("save", "load") if inspect.isclass(entry) and _defines(entry, name)]
    if len(has) == 1:
        raise ScriptError(f"the class {entry.__name__} has {has[0]}, of save() and load(state); write both, or neither")
    if has and declaration.said.get("order") != "sequential":
        raise ScriptError(
            f"the class {entry.__name__} has save and load, which only scripts with a memory of earlier frames need; "
            'declare order="sequential", or leave them out'
        )
    return bool(has)


class Script:
    """One entry with its parameters. A class is made an object in setup(), before its first batch.

    Whatever the script raises becomes a ScriptError that names the place, with the script's traceback.
    """

    def __init__(self, path: Path, entry: Any, parameters: dict[str, Any], description: dict[str, Any]) -> None:
        self.description = description
        self.path = path
        self._entry = entry
        self._parameters = parameters
        self._call: Callable[[Any], Any] | None = None

    def setup(self, info: object) -> None:
        """Once, before the first batch."""
        if not inspect.isclass(self._entry):
            self._call = functools.partial(self._entry, **self._parameters)
            return
        self._call = self.entered(self._entry, **self._parameters)
        self._hook("setup", info)

    def process(self, batch: object) -> Any:
        """What the script returns for a batch, unchecked."""
        return self.call(batch)

    def call(self, *arguments: object, **named: object) -> Any:
        """The entry."""
        assert self._call, "setup() comes first"
        return self.entered(self._call, *arguments, **named)

    def check(self, results: object, batch: Expected) -> Any:
        """check_result() with the script's name in the message."""
        try:
            return check_result(self.description["kind"], results, batch)
        except ScriptError as error:
            raise ScriptError(f"{self.path}: {self.description['name']} returned: {error}", code=error.code) from None

    def save(self) -> bytes:
        """What load() makes the same state of, in another process."""
        state = self._hook("save")
        if isinstance(state, (bytes, bytearray, memoryview)):
            return bytes(state)
        raise ScriptError(
            f"{self.path}: {self.description['name']}.save returned: expected bytes, found {type(state).__name__}; "
            "pickle.dumps(...) makes bytes of most things",
            code="failed",
        )

    def load(self, state: bytes) -> None:
        """After setup(), before the first batch: what save() returned."""
        self._hook("load", state)

    def flush(self) -> Any:
        """After the last batch; what the script returns, None where it has no flush."""
        return self._hook("flush")

    def close(self) -> None:
        """Once, after everything. A script that was not set up has nothing to close."""
        self._hook("close")

    def _hook(self, name: str, *arguments: object) -> Any:
        if not inspect.isclass(self._entry) or self._call is None or not _defines(self._entry, name):
            return None
        return self.entered(getattr(self._call, name), *arguments)

    def entered(self, call: Callable[..., Any], *arguments: object, **named: object) -> Any:
        """What `call` returns, whose exceptions are the script's."""
        try:
            return call(*arguments, **named)
        except (Exception, SystemExit) as error:
            raise _failure(error, str(self.path), "failed") from error


def _name_of(entry: Any) -> str:
    return str(getattr(entry, "__name__", type(entry).__name__))


def _recorded(value: object) -> object:
    """JSON has no infinity."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _description(entry: Any, declaration: Declaration, source: bytes) -> dict[str, Any]:
    said = declaration.said
    return {
        "kind": declaration.kind,
        "name": _name_of(entry),
        "settings": engine_settings(declaration),
        "dtype": said.get("dtype", "float32"),
        "scale": said.get("scale", 1),
        "rate": said.get("rate", 1),
        "batch": said.get("batch", 1),
        "order": said.get("order", "any"),
        "saves": _saves(entry, declaration),
        "sha256": hashlib.sha256(source).hexdigest(),
    }


@dataclass(frozen=True)
class Opened:
    """A script whose file has run, before its parameters are set."""

    path: Path
    source: bytes
    entry: Any
    declaration: Declaration
    parameters: list[Parameter]

    @property
    def name(self) -> str:
        return _name_of(self.entry)

    @property
    def names(self) -> list[str]:
        """Of its parameters."""
        return [parameter.name for parameter in self.parameters]

    def wrong(self, error: ScriptError) -> ScriptError:
        """The same, said of this script."""
        return ScriptError(f"{self.path}: {self.name}: {error}", code=error.code)


def opened(path: str | Path) -> Opened:
    """The script in a file. Runs the file. Raises ScriptError."""
    path = Path(path).absolute()
    source = _read(path)
    entry, declaration = _entry_of(_executed(path, source), path)
    try:
        return Opened(path, source, entry, declaration, _parameters_of(entry, declaration.kind))
    except ScriptError as error:
        raise ScriptError(f"{path}: {_name_of(entry)}: {error}", code=error.code) from error


def configured(script: Opened, settings: Mapping[str, str]) -> Script:
    """With parameters from `settings`. Raises ScriptError."""
    try:
        parameters = converted(script.parameters, settings)
        description = _description(script.entry, script.declaration, script.source)
        if script.declaration.kind == "generator":
            description.update(described(script.entry, script.declaration, parameters))
    except ScriptError as error:
        raise script.wrong(error) from error
    description["parameters"] = {name: _recorded(value) for name, value in parameters.items()}
    return Script(script.path, script.entry, parameters, description)


def load(path: str | Path, settings: Mapping[str, str]) -> Script:
    """The script in a file, with parameters from `settings`. Runs the file. Raises ScriptError."""
    return configured(opened(path), settings)
