"""Declarations of arithmetic on series: two of them, or a series and the parameter `value`."""

from tradewind_api.operations.declaration import Operation, number

VALUE = number("value", None, minimum=-1e12, maximum=1e12, step=1, meaning="second number, instead of a second input")


def _arithmetic(name: str, summary: str) -> Operation:
    return Operation(
        name,
        summary,
        ("number", "number"),
        "number",
        lookback=lambda _: 1,
        parameters=(VALUE,),
        optional_inputs=1,
    )


ARITHMETIC = (
    _arithmetic("add", "sum of the two"),
    _arithmetic("subtract", "the first less the second"),
    _arithmetic("multiply", "product of the two"),
    _arithmetic("divide", "the first over the second; unknown where the second is 0"),
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
