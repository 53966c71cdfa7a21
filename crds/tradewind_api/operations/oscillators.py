"""Declarations of oscillators and rates of change."""

from tradewind_api.operations.declaration import Operation, integer

OSCILLATORS = (
    Operation(
        "rsi",
        "relative strength index after Wilder (1978), started with a simple mean; 100 when nothing was lost",
        ("number",),
        "number",
        lookback=lambda p: 25 * int(p["period"]) + 1,
        parameters=(integer("period", 14, minimum=2, maximum=199),),
    ),
    Operation(
        "macd",
        "difference of a fast and a slow exponential average, its own average, and the distance of the two (Appel)",
        ("number",),
        "number",
        lookback=lambda p: 10 * (max(int(p["fast"]), int(p["slow"])) + int(p["signal"])),
        parameters=(
            integer("fast", 12, maximum=200),
            integer("slow", 26, maximum=250),
            integer("signal", 9, maximum=200),
        ),
        outputs=("line", "signal", "histogram"),
    ),
    Operation(
        "rate_of_change",
        "change against the value `period` candles ago, in percent",
        ("number",),
        "number",
        lookback=lambda p: int(p["period"]) + 1,
        parameters=(integer("period", 10),),
    ),
    Operation(
        "stochastic",
        "place of the close between lowest low and highest high, smoothed (k), and its average (d), 0 to 100 (Lane)",
        ("number", "number", "number"),
        "number",
        lookback=lambda p: int(p["period"]) + int(p["smooth"]) + int(p["signal"]) - 2,
        parameters=(
            integer("period", 14),
            integer("smooth", 3, maximum=100),
            integer("signal", 3, maximum=100),
        ),
        ports=("high", "low", "close"),
        outputs=("k", "d"),
    ),
    Operation(
        "cci",
        "commodity channel index: distance of the typical price from its mean, in 0.015 mean deviations (Lambert, 1980)",
        ("number", "number", "number"),
        "number",
        lookback=lambda p: int(p["period"]),
        parameters=(integer("period", 20, minimum=2),),
        ports=("high", "low", "close"),
    ),
    Operation(
        "momentum",
        "difference to the value `period` candles ago",
        ("number",),
        "number",
        lookback=lambda p: int(p["period"]) + 1,
        parameters=(integer("period", 10),),
    ),
    Operation(
        "obv",
        "volume of rising candles less volume of falling ones over the last `period` changes (Granville, 1963; windowed, so "
        "that it does not depend on where history began)",
        ("number", "number"),
        "number",
        lookback=lambda p: int(p["period"]) + 1,
        parameters=(integer("period", 100),),
        ports=("close", "volume"),
    ),
)
