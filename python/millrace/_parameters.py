"""Parameters of a script: keyword-only, annotated arguments of its entry, set from text by --set key=value."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin

from millrace._declare import ScriptError

_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")
_NONE = "none"


def _to_bool(text: str) -> bool:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise ValueError
    return text.lower() in _TRUE


_CONVERTERS: Mapping[type, Callable[[str], object]] = {bool: _to_bool, int: int, float: float, str: str}


@dataclass(frozen=True)
class Parameter:
    name: str
    type: type  # bool, int, float or str
    optional: bool  # None is a value too; its text is "none"
    default: object  # inspect.Parameter.empty: must be given

    def __str__(self) -> str:
        kind = f"{self.type.__name__} or none" if self.optional else self.type.__name__
        value = "must be given" if self.required else f"default {self.default!r}"
        return f"{self.name} ({kind}, {value})"

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    def convert(self, text: str) -> object:
        """Raises ValueError."""
        return None if self.optional and text.lower() == _NONE else _CONVERTERS[self.type](text)

    def accepts(self, value: object) -> bool:
        if value is None:
            return self.optional
        return type(value) is self.type or (self.type is float and type(value) is int)


def _evaluated(annotation: object, function: Any) -> object:
    target = function.__init__ if inspect.isclass(function) else function
    names = getattr(inspect.unwrap(target), "__globals__", {})
    # Twice: where annotations are text (from __future__ import annotations), one in quotes is text of a text.
    for _ in range(2):
        annotation = eval(annotation, names) if isinstance(annotation, str) else annotation
    return annotation


def _type_of(found: inspect.Parameter, function: Any) -> tuple[type, bool]:
    """The type of a parameter, and whether it may be None."""
    wanted = "annotate it with bool, int, float, str, or one of these | None"
    if found.annotation is found.empty:
        raise ScriptError(f"the parameter {found.name} has no type; {wanted}")
    try:
        annotation = _evaluated(found.annotation, function)
    except Exception as error:
        raise ScriptError(
            f"the parameter {found.name} has the annotation {found.annotation!r}, which fails: {error}; {wanted}"
        ) from error
    choices = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    named = [choice for choice in choices if choice is not type(None)]
    if len(named) != 1 or named[0] not in _CONVERTERS:
        raise ScriptError(f"the parameter {found.name} has the type {found.annotation!r}; {wanted}")
    return named[0], len(named) < len(choices)


def _parameter(found: inspect.Parameter, function: Any) -> Parameter:
    if found.kind is found.VAR_KEYWORD:
        raise ScriptError(f"it takes **{found.name}; name each parameter, so that --set can be checked")
    kind, optional = _type_of(found, function)
    parameter = Parameter(found.name, kind, optional, found.default)
    if not parameter.required and not parameter.accepts(found.default):
        raise ScriptError(
            f"the parameter {found.name} is {kind.__name__}, but its default is {found.default!r}; "
            + (f"write {kind.__name__} | None" if found.default is None else "make them agree")
        )
    return parameter


def parameters_of(function: Any, positional: int) -> list[Parameter]:
    """The parameters of a function that is called with so many positional arguments. Raises ScriptError."""
    keyword: list[Parameter] = []
    places: list[str] = []
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise ScriptError(f"its arguments cannot be read: {error}; mark a function or class of Python's") from error
    for found in signature.parameters.values():
        if found.kind in (found.KEYWORD_ONLY, found.VAR_KEYWORD):
            keyword.append(_parameter(found, function))
        else:
            places.append(f"*{found.name}" if found.kind is found.VAR_POSITIONAL else found.name)
    if len(places) != positional or any(name.startswith("*") for name in places):
        expected = "one positional argument, the batch" if positional else "no positional arguments"
        raise ScriptError(
            f"expected {expected}, found {', '.join(places) or 'none'}; parameters stand after a *, as in "
            + ("(batch, *, gain: float = 1.0)" if positional else "(self, *, gain: float = 1.0)")
        )
    return keyword


def converted(parameters: list[Parameter], given: Mapping[str, str]) -> dict[str, Any]:
    """Every parameter's value: as given, else its default. Raises ScriptError of the code "usage"."""
    has = f"it has {', '.join(map(str, parameters))}" if parameters else "it has none"
    named = {parameter.name for parameter in parameters}
    for key in given:
        if key not in named:
            raise ScriptError(f"no parameter is called {key}; {has}", code="usage")
    values: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.name not in given:
            if parameter.required:
                raise ScriptError(f"the parameter {parameter.name} must be given with --set; {has}", code="usage")
            # 1 is good enough as a default for a float, but is not one.
            values[parameter.name] = None if parameter.default is None else parameter.type(parameter.default)
            continue
        text = given[parameter.name]
        try:
            values[parameter.name] = parameter.convert(text)
        except ValueError:
            raise ScriptError(f"{parameter.name}: cannot use {text!r}; {has}", code="usage") from None
    return values
