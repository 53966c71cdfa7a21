"""Declarations of comparisons: two series, or a series and the parameter `value`. NaN compares false."""

from tradewind_api.operations.declaration import Operation, integer, number

VALUE = number("value", None, minimum=-1e12, maximum=1e12, step=1, meaning="level to compare with, instead of a second input")


def _comparison(name: str, summary: str, lookback: int, phrase: str) -> Operation:
    return Operation(
        name,
        summary,
        ("number", "number"),
        "boolean",
        lookback=lambda _: lookback,
        parameters=(VALUE,),
        optional_inputs=1,
        phrase=phrase,
    )


COMPARISONS = (
    _comparison("above", "the first is greater than the second", 1, "{0} is above {1}"),
    _comparison("below", "the first is less than the second", 1, "{0} is below {1}"),
    _comparison("crosses_above", "at most the second one candle ago, greater now", 2, "{0} crosses above {1}"),
    _comparison("crosses_below", "at least the second one candle ago, less now", 2, "{0} crosses below {1}"),
    Operation(
        "between",
        "the first is at least the second and at most the third",
        ("number", "number", "number"),
        "boolean",
        lookback=lambda _: 1,
        ports=("value", "lower", "upper"),
        phrase="{0} is between {1} and {2}",
    ),
    Operation(
        "rising",
        "each of the last `bars` values is greater than the one before it",
        ("number",),
        "boolean",
        lookback=lambda p: int(p["bars"]) + 1,
        parameters=(integer("bars", 1, maximum=500),),
        phrase="{0} has been rising for {bars} candles",
    ),
    Operation(
        "falling",
        "each of the last `bars` values is less than the one before it",
        ("number",),
        "boolean",
        lookback=lambda p: int(p["bars"]) + 1,
        parameters=(integer("bars", 1, maximum=500),),
        phrase="{0} has been falling for {bars} candles",
    ),
)
