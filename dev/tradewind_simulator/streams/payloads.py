"""Events as the exchange sends them: short keys, prices and amounts as strings of eight decimals, times in UTC ms.

Source: the exchange's public documentation of its WebSocket streams. Mappings only; what happened is found elsewhere.
"""

from collections.abc import Iterable
from typing import Any

from tradewind_engine.trading.book import Book, Level, Print
from tradewind_simulator.market.depth import DepthChange
from tradewind_simulator.market.statistics import Aggregate, Day

Row = list[int | str]


def trade(symbol_id: str, item: Print, event_ms: int) -> dict[str, Any]:
    """One trade."""
    return {
        "e": "trade",
        "E": event_ms,
        "s": symbol_id,
        "t": item.trade_id,
        "p": f"{item.price:.8f}",
        "q": f"{item.amount:.8f}",
        "T": item.time_ms,
        "m": item.taker == "sell",
        "M": True,
    }


def aggregate_trade(symbol_id: str, item: Aggregate, event_ms: int) -> dict[str, Any]:
    """Trades of one moment, price and taker."""
    return {
        "e": "aggTrade",
        "E": event_ms,
        "s": symbol_id,
        "a": item.first_id,
        "p": f"{item.price:.8f}",
        "q": f"{item.amount:.8f}",
        "f": item.first_id,
        "l": item.last_id,
        "T": item.time_ms,
        "m": item.taker == "sell",
        "M": True,
    }


def kline(symbol_id: str, interval: str, row: Row, event_ms: int, *, closed: bool) -> dict[str, Any]:
    """A candle, out of the row that REST sends. First and last trade id are not known: -1."""
    return {
        "e": "kline",
        "E": event_ms,
        "s": symbol_id,
        "k": {
            "t": row[0],
            "T": row[6],
            "s": symbol_id,
            "i": interval,
            "f": -1,
            "L": -1,
            "o": row[1],
            "c": row[4],
            "h": row[2],
            "l": row[3],
            "v": row[5],
            "n": row[8],
            "x": closed,
            "q": row[7],
            "V": row[9],
            "Q": row[10],
            "B": "0",
        },
    }


def mini_ticker(symbol_id: str, day: Day, event_ms: int) -> dict[str, Any]:
    """The last 24 hours, in short."""
    return {
        "e": "24hrMiniTicker",
        "E": event_ms,
        "s": symbol_id,
        "c": f"{day.close:.8f}",
        "o": f"{day.open:.8f}",
        "h": f"{day.high:.8f}",
        "l": f"{day.low:.8f}",
        "v": f"{day.volume:.8f}",
        "q": f"{day.quote_volume:.8f}",
    }


def ticker(symbol_id: str, day: Day, top: Book, event_ms: int) -> dict[str, Any]:
    """The last 24 hours, with the best bid and ask."""
    bid, ask = best(top.bids), best(top.asks)
    return {
        "e": "24hrTicker",
        "E": event_ms,
        "s": symbol_id,
        "p": f"{day.change:.8f}",
        "P": f"{day.change_pct:.3f}",
        "w": f"{day.average:.8f}",
        "x": f"{day.before:.8f}",
        "c": f"{day.close:.8f}",
        "Q": f"{day.last_amount:.8f}",
        "b": bid[0],
        "B": bid[1],
        "a": ask[0],
        "A": ask[1],
        "o": f"{day.open:.8f}",
        "h": f"{day.high:.8f}",
        "l": f"{day.low:.8f}",
        "v": f"{day.volume:.8f}",
        "q": f"{day.quote_volume:.8f}",
        "O": day.open_ms,
        "C": day.close_ms,
        "F": day.first_id,
        "L": day.last_id,
        "n": day.count,
    }


def book_ticker(symbol_id: str, top: Book, update_id: int) -> dict[str, Any]:
    """The best bid and ask."""
    bid, ask = best(top.bids), best(top.asks)
    return {"u": update_id, "s": symbol_id, "b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]}


def depth_change(symbol_id: str, change: DepthChange, *, skew_ms: int = 0) -> dict[str, Any]:
    """Levels that changed; an amount of zero takes a level away."""
    return {
        "e": "depthUpdate",
        "E": change.time_ms + skew_ms,
        "s": symbol_id,
        "U": change.first_id,
        "u": change.last_id,
        "b": levels(change.bids.items()),
        "a": levels(change.asks.items()),
    }


def partial_depth(book: Book, update_id: int, count: int) -> dict[str, Any]:
    """The best levels of both sides; also what REST answers."""
    return {"lastUpdateId": update_id, "bids": levels(book.bids[:count]), "asks": levels(book.asks[:count])}


def levels(found: Iterable[Level]) -> list[list[str]]:
    """Price and amount of each level."""
    return [[f"{price:.8f}", f"{amount:.8f}"] for price, amount in found]


def best(side: tuple[Level, ...]) -> tuple[str, str]:
    """Price and amount of the best level, zero where there is none."""
    return (f"{side[0][0]:.8f}", f"{side[0][1]:.8f}") if side else ("0.00000000", "0.00000000")
