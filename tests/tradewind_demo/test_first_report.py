"""The first report that a newcomer sees: at hours where the candles allow it, with fees and verdict in words."""

import pytest

from tradewind_demo import demo, verdict

HOUR = 3_600_000
REPORT = {
    "totalReturn": -0.0793,
    "buyAndHoldReturn": 0.041,
    "maxDrawdown": 0.1374,
    "sharpe": -1.807,
    "winRate": 0.2424,
    "trades": 33,
    "candles": 999,
    "feesPaid": 650.25,
    "trust": "high",
    "trustReasons": [],
}


@pytest.mark.parametrize(
    ("own", "hours", "timeframe"),
    [("1m", 1000, "1h"), ("15m", 200, "1h"), ("1h", 1000, "1h"), ("1m", 199, "1m"), ("4h", 1000, "4h"), ("1d", 24_000, "1d")],
)
def test_the_back_test_takes_hours_where_there_are_enough(own: str, hours: int, timeframe: str):
    """Longer candles, and too few, stay as they are."""
    assert timeframe == demo.backtest_timeframe(own, (0, hours * HOUR))


def test_fees_and_verdict_are_told_in_words():
    """A loss says how much of it is fees; a made-up market says that it is one; a doubt says its first reason."""
    told = "\n".join(verdict.lines(REPORT, simulated=True))
    assert "return -7.93 %, of it fees -6.50 %; buying and holding: 4.10 %" in told
    assert "trust high: enough trades, and no fault was found" in told
    assert "The market is made up" in told
    idle = REPORT | {"trades": 0, "sharpe": None, "winRate": None, "totalReturn": 0.0, "feesPaid": 0.0}
    assert "Sharpe -, win rate -" in "\n".join(verdict.lines(idle, simulated=False))
    doubtful = REPORT | {"trust": "low", "trustReasons": [{"message": "9 closed trades"}, {"message": "luck"}]}
    told = "\n".join(verdict.lines(doubtful, simulated=False))
    assert "trust low: 9 closed trades" in told
    assert "made up" not in told
