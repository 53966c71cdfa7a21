"""Names of streams, such as `btcusdt@kline_1m`.

A name that the exchange does not know is no error there: it is accepted and stays silent for ever. So it is here.
"""

import re
from dataclasses import dataclass

NAME = re.compile(r"^([a-z0-9]+)@([a-zA-Z]+)(?:_([0-9]+[a-zA-Z]))?([0-9]+)?(?:@(100ms|1000ms))?$")
PLAIN = frozenset({"trade", "aggTrade", "miniTicker", "ticker", "bookTicker"})
LEVELS = frozenset({5, 10, 20})


@dataclass(frozen=True, slots=True)
class Stream:
    """What a name asks for: `kind` of event for the exchange's `symbol_id`; `pace_ms` 0 means as it happens."""

    name: str
    symbol_id: str
    kind: str
    interval: str = ""
    levels: int = 0
    pace_ms: int = 0


def parse_stream(name: str) -> Stream | None:
    """Return what a name asks for, or None for one that never says anything."""
    found = NAME.match(name)
    if found is None:
        return None
    symbol, kind, interval, levels, pace = found.groups()
    symbol_id, pace_ms = symbol.upper(), 100 if pace == "100ms" else 1000
    if kind == "depth" and interval is None:
        if levels is None:
            return Stream(name, symbol_id, "depth", pace_ms=pace_ms)
        return Stream(name, symbol_id, "partialDepth", levels=int(levels), pace_ms=pace_ms) if int(levels) in LEVELS else None
    if levels is not None or pace is not None:
        return None
    if kind == "kline" and interval is not None:
        return Stream(name, symbol_id, "kline", interval=interval, pace_ms=1000)
    if kind in PLAIN and interval is None:
        return Stream(name, symbol_id, kind, pace_ms=1000 if kind in {"miniTicker", "ticker"} else 0)
    return None
