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
    Operation(
        "wma",
        "linearly weighted moving average: the newest of `period` values weighs `period`, the oldest 1",
        ("number",),
        "number",
        lookback=lambda p: int(p["period"]),
        parameters=(integer("period", 20),),
    ),
    Operation(
        "rma",
        "Wilder's smoothed average (1978), weight 1 / period, started with a simple mean",
        ("number",),
        "number",
        lookback=lambda p: 25 * int(p["period"]),
        parameters=(integer("period", 14, maximum=199),),
    ),
    Operation(
        "vwap",
        "volume-weighted average of high, low and close over the last `period` candles",
        ("number", "number", "number", "number"),
        "number",
        lookback=lambda p: int(p["period"]),
        parameters=(integer("period", 20),),
        ports=("high", "low", "close", "volume"),
    ),
)
