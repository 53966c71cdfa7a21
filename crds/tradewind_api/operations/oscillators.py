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
)
