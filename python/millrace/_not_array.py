"""Errors for those who use frames as if they were an array, which say how to have one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeVar

_BINARY = {
    "add": "+", "sub": "-", "mul": "*", "matmul": "@", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**",
    "and": "&", "or": "|", "xor": "^", "lshift": "<<", "rshift": ">>",
}  # fmt: skip
_OTHERS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "neg": "-", "pos": "+", "invert": "~", "abs": "abs()"}
_OPERATORS = {**_BINARY, **{f"r{name}": symbol for name, symbol in _BINARY.items()}, **_OTHERS}

Kind = TypeVar("Kind", bound=type[Any])
Method = Callable[..., Any]


@dataclass(frozen=True)
class _Refusals:
    """Methods for a class that has a tensor, or is one. They raise."""

    name: str
    own: frozenset[str]  # attributes of the class and its objects
    on_cpu: str  # how an array is had
    on_gpu: str
    by_torch: str

    def said(self, found: str, way: str) -> str:
        return f"a {self.name} is no array{found}; {way} makes one, on the same memory"

    def here(self, this: Any, found: str) -> str:
        tensor = this.tensor if "tensor" in self.own else this
        return self.said(found, self.on_cpu if tensor.device == "cpu" else self.on_gpu)

    def method(self, found: str) -> Method:
        def refuse(this: Any, *_: Any, **__: Any) -> Any:
            raise TypeError(self.here(this, found))

        return refuse

    def operator(self, symbol: str) -> Method:
        def refuse(this: Any, *others: Any) -> Any:
            if all(hasattr(one, "__array_interface__") for one in (this, *others)) and others:  # numpy's to do
                return NotImplemented
            raise TypeError(self.here(this, f" and has no {symbol}"))

        return refuse

    def attribute(self) -> Method:
        def refuse(this: Any, name: str) -> Any:
            if name.startswith("_") or name in self.own:  # libraries look for such; and what failed has said why
                return object.__getattribute__(this, name)
            raise AttributeError(self.here(this, f" and has no attribute '{name}'"))

        return refuse

    def of_numpy(self) -> Method:
        def refuse(this: Any, called: Any, *_: Any, **__: Any) -> Any:
            raise TypeError(self.here(this, f" for numpy.{called.__name__}()"))

        return refuse

    def of_torch(self) -> Any:
        def refuse(_: Any, called: Any, *__: Any) -> Any:
            raise TypeError(self.said(f" for torch's {called.__name__}()", self.by_torch))

        return classmethod(refuse)


def no_array(name: str, on_cpu: str, on_gpu: str, by_torch: str) -> Callable[[Kind], Kind]:
    """Of a class that has a tensor, or is one: what is done with arrays is an error that names these ways to have one.

    Type checkers see the class as it is written: `batch * 2` is an error to them, too.
    """

    def taught(kind: Kind) -> Kind:
        own = {*dir(kind), *(field.name for field in (fields(kind) if is_dataclass(kind) else ()))}
        refusals = _Refusals(name, frozenset(own), on_cpu, on_gpu, by_torch)
        methods = {word: refusals.operator(symbol) for word, symbol in _OPERATORS.items()}
        methods |= {word: refusals.method(" and cannot be indexed") for word in ("getitem", "setitem")}
        methods |= {"iter": refusals.method(" to iterate over"), "getattr": refusals.attribute()}
        methods["torch_function"] = refusals.of_torch()
        if "__array_interface__" not in own:  # of others numpy makes an array that has one object
            methods["array"] = refusals.method("")
            methods |= {word: refusals.of_numpy() for word in ("array_ufunc", "array_function")}
        for word, method in methods.items():
            setattr(kind, f"__{word}__", method)
        return kind

    return taught
