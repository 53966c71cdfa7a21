"""Same trades and equity as vectorbt and backtesting.py on whole recorded files, and same figures as empyrical, to 1e-9.

The peers run in an environment of their own (`make .venv-peers/.ready`). tests/parity/peer.py says how their rules are set
equal to ours, docs/reference/backtest-semantics.md where they differ if left alone.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tradewind_api.document.validation import parse_document
from tradewind_engine.analytics.monthly_returns import monthly_returns
from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.backtest.simulate import Costs
from tradewind_engine.candle_files import read_candle_file
from tradewind_engine.strategy.evaluate import evaluate

pytestmark = pytest.mark.peers
ROOT = Path(__file__).parent.parent.parent
PYTHON = ROOT / ".venv-peers/bin/python"
FILES = {
    "BTC-1h": "binance_usdm_BTCUSDT_1h_2020-2024",
    "ETH-1h": "binance_usdm_ETHUSDT_1h_2020-2024",
    "BTC-15m": "binance_spot_BTCUSDT_15m_2025",
    "BTC-1m": "binance_spot_BTCUSDT_1m_2025",
}
TIES = {("sma", "BTC-1m"): (9937, 121_754)}  # closes at which both averages are equal, and the peers' rolling sums are not
RULES = ("sma", "rsi", "bollinger")


def graph(name):
    """Return a document of the rules that the peers follow."""
    nodes = {
        "sma": [
            ("fast", "sma", ["close"], {"period": 10}),
            ("slow", "sma", ["close"], {"period": 50}),
            ("enter", "crosses_above", ["fast", "slow"], {}),
            ("leave", "crosses_below", ["fast", "slow"], {}),
        ],
        "rsi": [
            ("rsi", "rsi", ["close"], {"period": 14}),
            ("enter", "crosses_below", ["rsi"], {"value": 30}),
            ("leave", "crosses_above", ["rsi"], {"value": 70}),
        ],
        "bollinger": [
            ("bands", "bollinger", ["close"], {"period": 20, "width": 2}),
            ("enter", "crosses_above", ["close", "bands.upper"], {}),
            ("leave", "crosses_below", ["close", "bands.middle"], {}),
        ],
    }[name]
    return parse_document(
        {
            "schema": "tradewind.strategy/v1",
            "timeframe": "1h",
            "nodes": [{"id": id_, "op": op, "in": inputs, "params": params} for id_, op, inputs, params in nodes],
            "entry": {"when": "enter"},
            "exit": {"when": "leave"},
            "protect": {} if name == "sma" else {"stopLossPercent": 1, "takeProfitPercent": 2},
        }
    )


@pytest.fixture(scope="module")
def histories(recorded):
    return {name: read_candle_file(recorded / f"ohlcv/{file}.parquet") for name, file in FILES.items()}


@pytest.fixture(scope="module")
def theirs(histories, tmp_path_factory):
    """What the peers found, all in one process of theirs."""
    if not PYTHON.exists():
        reason = f"no environment of the peers at {PYTHON.parent.parent}: make .venv-peers/.ready"
        if os.environ.get("TRADEWIND_REQUIRE_PEERS"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("peers")
    arrays = {
        f"{name}.{column}": getattr(history, column)
        for name, history in histories.items()
        for column in ("ts", "open", "high", "low", "close")
    }
    np.savez(folder / "candles.npz", **arrays)
    command = [PYTHON, Path(__file__).parent / "peer.py", folder / "candles.npz", folder / "found.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    return json.loads((folder / "found.json").read_text())


@pytest.fixture(scope="module")
def ours(histories):
    return {
        (data, rules): run_backtest(graph(rules), {"": history}, timeframe="1h", capital=1.0, costs=Costs(10, 0))
        for data, history in histories.items()
        for rules in RULES
    }


CASES = [(data, rules) for data in FILES for rules in RULES if (rules, data) not in TIES]


@pytest.mark.parametrize("peer", ["vectorbt", "backtesting"])
@pytest.mark.parametrize(("data", "rules"), CASES)
def test_trades_and_return_are_the_peers(theirs, ours, data, rules, peer):
    """Each trade is entered and left in the same candle; the return differs by less than 1e-9 of the final equity."""
    found, report = theirs[f"{data} {rules} {peer}"], ours[data, rules]
    table = report.tables[0].table
    assert found["entered"][: len(table)] == table[:, 0].astype(int).tolist()
    assert found["left"] == table[:, 1].astype(int).tolist()
    assert found["trades"] == report.figures["trades"]
    assert 1 + found["return"] == pytest.approx(1 + report.figures["totalReturn"], rel=1e-9)


@pytest.mark.parametrize(("data", "rules"), CASES)
def test_figures_are_those_of_independent_libraries(theirs, ours, data, rules):
    """One measures the curve, the other the trades; both have these definitions (docs/reference/analytics.md)."""
    found, figures = theirs[f"{data} {rules} vectorbt"], ours[data, rules].figures
    measured = ("totalReturn", "maxDrawdown", "sharpe", "sortino", "cagr", "calmar", "winRate", "profitFactor", "expectancy")
    for name in (*measured, "timeInMarket"):
        assert found[name] == pytest.approx(figures[name], rel=1e-8, abs=1e-12), name
    assert found["fees"] == pytest.approx(figures["feesPaid"], rel=1e-9)


@pytest.mark.parametrize(("data", "ties"), [(data, ties) for (_, data), ties in TIES.items()])
def test_equal_averages_are_no_crossing(histories, data, ties):
    """In whole cents both are the same; vectorbt's rolling sums, which carry their rounding on, say that the fast is above."""
    history = histories[data]
    cents = np.rint(history.close * 100).astype(int)
    entry = evaluate(graph("sma"), history).entry
    for tie in ties:
        fast, slow = (cents[tie + 1 - period : tie + 1].sum() * (50 // period) for period in (10, 50))
        assert fast == slow
        assert not entry[tie]


@pytest.mark.parametrize("data", FILES)
def test_months_are_those_of_empyrical(theirs, histories, data):
    """The close of each month over the close of the month before."""
    history = histories[data]
    found = dict(monthly_returns(history.ts, history.close, float(history.close[0])))
    assert theirs[f"{data} months"] == pytest.approx(found, rel=1e-9, abs=1e-12)
