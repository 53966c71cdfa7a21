"""What the demonstration's back-test found, in words for somebody who sees one for the first time."""

from typing import Any

CAPITAL = 10_000


def lines(report: dict[str, Any], *, simulated: bool) -> list[str]:
    """Return the figures, how far to trust them and why, and what a simulated market can show."""
    fees, held = _percent(-report["feesPaid"] / CAPITAL), _percent(report["buyAndHoldReturn"])
    sharpe = "-" if report["sharpe"] is None else f"{report['sharpe']:.2f}"
    told = [
        f"  return {_percent(report['totalReturn'])}, of it fees {fees}; buying and holding: {held}",
        f"  drawdown {_percent(report['maxDrawdown'])}, Sharpe {sharpe}, win rate {_percent(report['winRate'])}",
        f"  {report['trades']} trades on {report['candles']} candles",
        f"  trust {report['trust']}: {_why(report)}",
    ]
    if simulated:
        told.append("  The market is made up: profit or loss says that the machinery works, and nothing about the strategy.")
    return told


def _why(report: dict[str, Any]) -> str:
    reasons = [reason["message"] for reason in report["trustReasons"]]
    return reasons[0] if reasons else "enough trades, and no fault was found: this is what the rule did on these candles"


def _percent(value: float | None) -> str:
    """Return a fraction as percent; what cannot be said, as the wins of no trade, is a dash."""
    return "-" if value is None else f"{value * 100:.2f} %"
