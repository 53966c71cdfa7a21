"""Declarations of bands and extremes."""

from tradewind_api.operations.declaration import Operation, integer, number

BANDS = (
    Operation(
        "bollinger",
        "simple moving average and `width` population standard deviations around it (Bollinger, 1983)",
        ("number",),
        "number",
        lookback=lambda p: int(p["period"]),
        parameters=(
            integer("period", 20, minimum=2),
            number("width", 2, minimum=0.1, maximum=10, step=0.1, meaning="standard deviations"),
        ),
        outputs=("lower", "middle", "upper"),
    ),
    Operation(
        "highest",
        "largest of the last `period` values",
        ("number",),
        "number",
        lookback=lambda p: int(p["period"]),
        parameters=(integer("period", 20),),
    ),
    Operation(
        "lowest",
        "smallest of the last `period` values",
        ("number",),
        "number",
        lookback=lambda p: int(p["period"]),
        parameters=(integer("period", 20),),
    ),
    Operation(
        "donchian",
        "lowest low, highest high of the last `period` candles, and their middle (Donchian, 1960)",
        ("number", "number"),
        "number",
        lookback=lambda p: int(p["period"]),
        parameters=(integer("period", 20),),
        ports=("high", "low"),
        outputs=("lower", "middle", "upper"),
    ),
    Operation(
        "keltner",
        "exponential average of the close and `width` average true ranges around it (Keltner, 1960; Raschke's form)",
        ("number", "number", "number"),
        "number",
        lookback=lambda p: max(10 * int(p["period"]), 25 * int(p["range_period"]) + 1),
        parameters=(
            integer("period", 20, maximum=499),
            integer("range_period", 10, maximum=199),
            number("width", 2, minimum=0.1, maximum=10, step=0.1, meaning="average true ranges"),
        ),
        ports=("high", "low", "close"),
        outputs=("lower", "middle", "upper"),
    ),
)
