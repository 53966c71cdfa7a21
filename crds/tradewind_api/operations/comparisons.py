"""Declarations of comparisons: two series, or a series and the parameter `value`. NaN compares false."""

from tradewind_api.operations.declaration import Operation, number

VALUE = number("value", None, minimum=-1e12, maximum=1e12, step=1, meaning="level to compare with, instead of a second input")


def _comparison(name: str, summary: str, lookback: int) -> Operation:
    return Operation(
        name,
        summary,
        ("number", "number"),
        "boolean",
        lookback=lambda _: lookback,
        parameters=(VALUE,),
        optional_inputs=1,
    )


COMPARISONS = (
    _comparison("above", "the first is greater than the second", 1),
    _comparison("below", "the first is less than the second", 1),
    _comparison("crosses_above", "at most the second one candle ago, greater now", 2),
    _comparison("crosses_below", "at least the second one candle ago, less now", 2),
)
