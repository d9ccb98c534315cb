"""Frame rates and time bases, exactly."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from millrace import _engine
from millrace._errors import UsageError

Rate: TypeAlias = "int | float | str | Fraction"


def fraction(name: str, value: object) -> Fraction:
    """Exactly: "30000/1001", 25, Fraction(24), 12.5, 23.976 (which means 24000/1001). UsageError says `name`."""
    found = _engine.parse_rate(_text(value))
    if found is None:
        raise UsageError(f"{name}: expected a number above 0 such as 25, 29.97 or '30000/1001', found {value!r}")
    return Fraction(*found)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{Decimal(str(value)):f}"  # without an exponent
    known = isinstance(value, (int, str, Fraction)) and not isinstance(value, bool)
    text = str(value) if known else ""
    return text if text.isascii() else ""
