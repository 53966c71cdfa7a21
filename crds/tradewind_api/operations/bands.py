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
)
