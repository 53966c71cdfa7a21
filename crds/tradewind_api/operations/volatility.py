"""Declarations of measures of how much a price moves."""

from tradewind_api.operations.declaration import Operation, integer

VOLATILITY = (
    Operation(
        "atr",
        "average true range after Wilder (1978), started with a simple mean",
        ("number", "number", "number"),
        "number",
        lookback=lambda p: 25 * int(p["period"]) + 1,
        parameters=(integer("period", 14, maximum=199),),
        ports=("high", "low", "close"),
    ),
    Operation(
        "standard_deviation",
        "population standard deviation of the last `period` values",
        ("number",),
        "number",
        lookback=lambda p: int(p["period"]),
        parameters=(integer("period", 20, minimum=2),),
    ),
    Operation(
        "zscore",
        "distance from the mean of the last `period` values in population standard deviations; unknown where nothing varies",
        ("number",),
        "number",
        lookback=lambda p: int(p["period"]),
        parameters=(integer("period", 20, minimum=2),),
    ),
)
