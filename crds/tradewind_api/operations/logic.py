"""Declarations of logic on yes-or-no series."""

from tradewind_api.operations.declaration import Operation, integer

LOGIC = (
    Operation("all", "every input holds", ("boolean",), "boolean", lookback=lambda _: 1, variadic=True, phrase="and"),
    Operation("any", "at least one input holds", ("boolean",), "boolean", lookback=lambda _: 1, variadic=True, phrase="or"),
    Operation("not", "the input does not hold", ("boolean",), "boolean", lookback=lambda _: 1, phrase="not ({0})"),
    Operation(
        "for_bars",
        "the input has held on each of the last `bars` candles",
        ("boolean",),
        "boolean",
        lookback=lambda p: int(p["bars"]),
        parameters=(integer("bars", 3, maximum=500),),
        phrase="for {bars} candles {0}",
    ),
)
