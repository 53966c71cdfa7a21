"""What a backtest found: figures, closed trades, equity; as JSON with a digest that two equal runs share."""

from dataclasses import dataclass, field
from typing import Any

from tradewind_api.document.digest import report_digest

EQUITY_POINTS = 1000


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
class Report:
    """The result of one run. `figures` hold fractions, never percent; money is quote currency."""

    strategy_digest: str
    data_digest: str
    timeframe: str
    figures: dict[str, float | int | None]
    trades: list[Trade]
    equity: list[tuple[int, float]]
    warnings: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return the figures under their stable keys, with the digests."""
        body = {
            "strategyDigest": self.strategy_digest,
            "dataDigest": self.data_digest,
            "timeframe": self.timeframe,
            **self.figures,
            "warnings": self.warnings,
        }
        digest = report_digest({**body, "tradeList": [trade.to_json() for trade in self.trades]})
        return {
            "strategyDigest": body.pop("strategyDigest"),
            "dataDigest": body.pop("dataDigest"),
            "reportDigest": digest,
            **body,
        }

    def to_json(self) -> dict[str, Any]:
        """Return the whole report: the summary, each closed trade, and the equity curve thinned to EQUITY_POINTS."""
        return {
            **self.summary(),
            "tradeList": [trade.to_json() for trade in self.trades],
            "equityCurve": thin(self.equity, EQUITY_POINTS),
        }


def thin(curve: list[tuple[int, float]], points: int) -> list[tuple[int, float]]:
    """Return at most about `points` of the curve's points, evenly spaced, first and last among them."""
    if len(curve) <= points:
        return curve
    step = (len(curve) - 1) / (points - 1)
    return [curve[round(index * step)] for index in range(points)]
