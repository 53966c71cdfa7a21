"""What a backtest found: figures, closed trades, equity; as JSON with a digest that two equal runs share.

Held as arrays; lists, digests and JSON are made when asked for, as most of a sweep's or a notebook's runs never are.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from tradewind_api.document.digest import data_digest, report_digest, strategy_digest
from tradewind_api.document.explain import explain
from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.validation import parameters_of
from tradewind_api.operations import OPERATIONS
from tradewind_engine import ENGINE_VERSION
from tradewind_engine.analytics.buy_and_hold import buy_and_hold
from tradewind_engine.analytics.costs import cost_split
from tradewind_engine.analytics.drawdown import max_drawdown, underwater
from tradewind_engine.analytics.monthly_returns import monthly_returns
from tradewind_engine.backtest import kernel
from tradewind_engine.backtest.curves import curve_json, merge_curves
from tradewind_engine.backtest.simulate import MarketRules
from tradewind_engine.candles import Candles, Floats, Integers

CURVE_POINTS = 1000
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
    """The result of one run. `figures` hold fractions, never percent; money is quote currency; `ts` and `equity` are (n,).

    `markets` are those of symbols whose amounts were rounded; the digest is over them too.
    """

    document: StrategyDocument
    candles: dict[str, Candles]
    exchange: str
    timeframe: str
    figures: dict[str, float | int | None]
    tables: list[SymbolTrades]
    ts: Integers
    equity: Floats
    warnings: list[str] = field(default_factory=list)
    markets: dict[str, MarketRules] = field(default_factory=dict)

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
        body: dict[str, Any] = {"timeframe": self.timeframe, **self.figures, "warnings": self.warnings}
        if self.markets:
            body["markets"] = {
                symbol: {"amountStep": market.amount_step, "minNotional": market.min_notional}
                for symbol, market in self.markets.items()
            }
        names = {"strategyDigest": self.strategy_digest, "dataDigest": self.data_digest}
        digest = report_digest({**names, **body, "tradeList": [trade.to_json() for trade in self.trades]})
        return {**names, "reportDigest": digest, **body}

    def summary(self) -> dict[str, Any]:
        """Return the figures under their stable keys, with the digests."""
        return dict(self.summary_json)

    @cached_property
    def market(self) -> tuple[Integers, Floats]:
        """What the capital would have been worth held instead, equal parts of each symbol: times and values, (n,)."""
        capital = float(self.figures["capital"] or 0.0)
        part = capital / len(self.candles)
        return merge_curves([(history.ts, buy_and_hold(history, part)) for history in self.candles.values()], part)

    def to_json(self) -> dict[str, Any]:
        """Return the whole report: the summary, where it came from, each closed trade, months, and thinned curves."""
        capital, final = (float(self.figures[key] or 0.0) for key in ("capital", "equityFinal"))
        fees, slippage = (float(self.figures[key] or 0.0) for key in ("feesPaid", "slippagePaid"))
        split = cost_split(final - capital, fees=fees, slippage=slippage)
        held = dict(monthly_returns(*self.market, capital))
        return {
            **self.summary(),
            "engineVersion": ENGINE_VERSION,
            "exchange": self.exchange,
            "symbols": list(self.candles),
            "strategy": self.document.to_json(),
            "explanation": explain(self.document),
            "parameters": all_parameters(self.document),
            "costSplit": {
                "profitBeforeCosts": split.before,
                "fees": split.fees,
                "slippage": split.slippage,
                "profit": split.after,
            },
            "buyAndHoldMaxDrawdown": max_drawdown(self.market[1]),
            "monthlyReturns": [
                {"month": month, "return": value, "buyAndHold": held[month]}
                for month, value in monthly_returns(self.ts, self.equity, capital)
            ],
            "tradeList": [trade.to_json() for trade in self.trades],
            "equityCurve": curve_json(self.ts, self.equity, CURVE_POINTS),
            "buyAndHoldCurve": curve_json(*self.market, CURVE_POINTS),
            "drawdownCurve": curve_json(self.ts, underwater(self.equity), CURVE_POINTS),
        }


def all_parameters(document: StrategyDocument) -> dict[str, float]:
    """Return every number of a document by its address, defaults filled in."""
    found = {
        f"{node.id}.{name}": value
        for node in document.nodes
        for name, value in parameters_of(node, OPERATIONS[node.op]).items()
    }
    sections = {"size": document.entry.size, "ladder": document.entry.ladder, "protect": document.protect}
    for name, section in sections.items():
        values = section.model_dump(by_alias=True, exclude_none=True) if section is not None else {}
        found |= {f"{name}.{key}": value for key, value in values.items() if not isinstance(value, str)}
    return found


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
