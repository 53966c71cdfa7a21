"""What a backtest found: figures, closed trades, equity; as JSON with a digest that two equal runs share.

Held as arrays; lists, digests and JSON are made when asked for, as most of a sweep's or a notebook's runs never are.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tradewind_api.document.digest import data_digest, report_digest, strategy_digest
from tradewind_api.document.model import StrategyDocument
from tradewind_engine.backtest import kernel
from tradewind_engine.candles import Candles, Floats, Integers

EQUITY_POINTS = 1000
REASONS = {
    kernel.EXIT_SIGNAL: "Exit",
    kernel.EXIT_STOP: "StopLoss",
    kernel.EXIT_TARGET: "TakeProfit",
    kernel.EXIT_TRAILING: "TrailingStop",
    kernel.EXIT_TIME: "MaxCandles",
}


@dataclass(frozen=True, slots=True)
class Trade:
    """One closed round trip. Times are open times of candles in UTC ms; `profit` is quote after both fees."""

    symbol: str
    entry_ms: int
    exit_ms: int
    entry_price: float
    exit_price: float
    amount: float
    profit: float
    fees: float
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the trade as JSON values."""
        return {
            "symbol": self.symbol,
            "entryMs": self.entry_ms,
            "exitMs": self.exit_ms,
            "entryPrice": self.entry_price,
            "exitPrice": self.exit_price,
            "amount": self.amount,
            "profit": self.profit,
            "fees": self.fees,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class SymbolTrades:
    """Closed trades of one symbol as the kernel's table (m, kernel.COLUMNS), with the open times (n,) its indices point to."""

    symbol: str
    ts: Integers
    table: Floats


@dataclass(frozen=True)
class Report:
    """The result of one run. `figures` hold fractions, never percent; money is quote currency; `ts` and `equity` are (n,)."""

    document: StrategyDocument
    candles: dict[str, Candles]
    exchange: str
    timeframe: str
    figures: dict[str, float | int | None]
    tables: list[SymbolTrades]
    ts: Integers
    equity: Floats
    warnings: list[str] = field(default_factory=list)

    @cached_property
    def strategy_digest(self) -> str:
        """The name of what the document means."""
        return strategy_digest(self.document)

    @cached_property
    def data_digest(self) -> str:
        """The name of the candles; of several symbols, of their digests in order."""
        found = [data_digest(self.exchange, s, self.timeframe, h.column_bytes()) for s, h in self.candles.items()]
        if len(found) == 1:
            return found[0]
        return data_digest(self.exchange, "+".join(self.candles), self.timeframe, [digest.encode() for digest in found])

    @cached_property
    def trades(self) -> list[Trade]:
        """The closed trades of all symbols in the order they closed."""
        found = [trade for table in self.tables for trade in _trades(table)]
        return sorted(found, key=lambda trade: (trade.exit_ms, trade.symbol))

    @cached_property
    def summary_json(self) -> dict[str, Any]:
        """The figures under their stable keys, with the digests."""
        body = {"timeframe": self.timeframe, **self.figures, "warnings": self.warnings}
        names = {"strategyDigest": self.strategy_digest, "dataDigest": self.data_digest}
        digest = report_digest({**names, **body, "tradeList": [trade.to_json() for trade in self.trades]})
        return {**names, "reportDigest": digest, **body}

    def summary(self) -> dict[str, Any]:
        """Return the figures under their stable keys, with the digests."""
        return dict(self.summary_json)

    def to_json(self) -> dict[str, Any]:
        """Return the whole report: the summary, each closed trade, and the equity curve thinned to EQUITY_POINTS."""
        rows = thin_rows(self.equity.size, EQUITY_POINTS)
        return {
            **self.summary(),
            "tradeList": [trade.to_json() for trade in self.trades],
            "equityCurve": list(zip(self.ts[rows].tolist(), self.equity[rows].tolist(), strict=True)),
        }


def thin_rows(count: int, points: int) -> Integers:
    """Return at most `points` of the row numbers 0 to count - 1, evenly spaced, first and last among them."""
    return np.round(np.linspace(0, count - 1, min(count, points))).astype(np.int64)


def _trades(trades: SymbolTrades) -> list[Trade]:
    entered, left = (trades.ts[trades.table[:, column].astype(np.int64)].tolist() for column in (0, 1))
    return [
        Trade(
            symbol=trades.symbol,
            entry_ms=entry_ms,
            exit_ms=exit_ms,
            entry_price=row[kernel.ENTRY_PRICE],
            exit_price=row[kernel.EXIT_PRICE],
            amount=row[kernel.AMOUNT],
            profit=row[kernel.PROFIT],
            fees=row[kernel.FEES],
            reason=REASONS[row[kernel.REASON]],
        )
        for entry_ms, exit_ms, row in zip(entered, left, trades.table.tolist(), strict=True)
    ]
