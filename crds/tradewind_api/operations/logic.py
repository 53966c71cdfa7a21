"""Declarations of logic on yes-or-no series."""

from tradewind_api.operations.declaration import Operation

LOGIC = (
    Operation("all", "every input holds", ("boolean",), "boolean", lookback=lambda _: 1, variadic=True),
    Operation("any", "at least one input holds", ("boolean",), "boolean", lookback=lambda _: 1, variadic=True),
    Operation("not", "the input does not hold", ("boolean",), "boolean", lookback=lambda _: 1),
)
