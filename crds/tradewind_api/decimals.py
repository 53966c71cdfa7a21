"""Decimal money and amounts as they cross a border: strings, never floats.

A JSON number has been a binary float somewhere on its way; a price or an amount that passed through one is no longer
what the exchange said. So these types accept decimal strings (and Decimal inside our own code) and refuse numbers.
"""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

DECIMAL_PATTERN = r"^-?[0-9]{1,24}(\.[0-9]{1,18})?$"


def parse_decimal(value: Any) -> Decimal:
    """Return `value` as a finite Decimal.

    Raises:
        ValueError: If `value` is neither a Decimal nor a decimal string, or is not finite.
    """
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, str) and len(value) <= 64:
        try:
            number = Decimal(value)
        except ArithmeticError as exc:
            raise ValueError(f"expected a decimal string such as '12.50', got {value!r}") from exc
    else:
        raise ValueError(f"expected a decimal string such as '12.50', got {type(value).__name__}")
    if not number.is_finite():
        raise ValueError(f"expected a finite decimal, got {value!r}")
    return number


def format_decimal(value: Decimal) -> str:
    """Return `value` in plain notation without an exponent and without trailing zeros.

    >>> format_decimal(Decimal("1E+3")), format_decimal(Decimal("0.5000")), format_decimal(Decimal("-0"))
    ('1000', '0.5', '0')
    """
    if value == 0:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


DecimalAmount = Annotated[
    Decimal,
    BeforeValidator(parse_decimal),
    PlainSerializer(format_decimal, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DECIMAL_PATTERN}),
]
