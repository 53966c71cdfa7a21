"""Declarations of arithmetic on series: two of them, or a series and the parameter `value`."""

from tradewind_api.operations.declaration import Operation, number

VALUE = number("value", None, minimum=-1e12, maximum=1e12, step=1, meaning="second number, instead of a second input")


def _arithmetic(name: str, summary: str, phrase: str) -> Operation:
    return Operation(
        name,
        summary,
        ("number", "number"),
        "number",
        lookback=lambda _: 1,
        parameters=(VALUE,),
        optional_inputs=1,
        phrase=phrase,
    )


ARITHMETIC = (
    _arithmetic("add", "sum of the two", "({0} plus {1})"),
    _arithmetic("subtract", "the first less the second", "({0} less {1})"),
    _arithmetic("multiply", "product of the two", "({0} times {1})"),
    _arithmetic("divide", "the first over the second; unknown where the second is 0", "({0} over {1})"),
    Operation(
        "typical_price",
        "mean of high, low and close",
        ("number", "number", "number"),
        "number",
        lookback=lambda _: 1,
        ports=("high", "low", "close"),
    ),
    Operation(
        "median_price", "mean of high and low", ("number", "number"), "number", lookback=lambda _: 1, ports=("high", "low")
    ),
)
