"""Declarations of moving averages."""

from tradewind_api.operations.declaration import Operation, integer

AVERAGES = (
    Operation(
        "sma",
        "simple moving average: the mean of the last `period` values",
        ("number",),
        "number",
        lookback=lambda p: int(p["period"]),
        parameters=(integer("period", 20),),
    ),
    Operation(
        "ema",
        "exponential moving average, weight 2 / (period + 1), started with the first value seen",
        ("number",),
        "number",
        lookback=lambda p: 10 * int(p["period"]),
        parameters=(integer("period", 20, maximum=500),),
    ),
)
