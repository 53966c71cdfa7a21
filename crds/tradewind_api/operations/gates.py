"""Declarations of gates: yes or no by the time at which a candle opens, in UTC."""

from tradewind_api.operations.declaration import Operation, integer

GATES = (
    Operation(
        "time_of_day",
        "the candle opens in minute `start` of the day or later and before minute `end`, UTC; over midnight where end <= start",
        (),
        "boolean",
        lookback=lambda _: 1,
        parameters=(
            integer("start", 0, minimum=0, maximum=1439, meaning="minute of the day"),
            integer("end", 1440, minimum=1, maximum=1440, meaning="minute of the day"),
        ),
        clock=True,
        phrase="the minute of the day (UTC) is from {start} up to {end}",
    ),
    Operation(
        "weekday",
        "the candle opens on one of the days `first` to `last`, 1 Monday to 7 Sunday, in UTC; over Sunday where last < first",
        (),
        "boolean",
        lookback=lambda _: 1,
        parameters=(
            integer("first", 1, maximum=7, meaning="day of the week"),
            integer("last", 5, maximum=7, meaning="day of the week"),
        ),
        clock=True,
        phrase="the day of the week is {first} to {last} (1 is Monday, UTC)",
    ),
)
