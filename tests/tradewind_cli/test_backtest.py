"""`tw backtest run --data` as a person runs it."""

import json
import os
import subprocess
import sys

import pytest

from tradewind_cli.cluster_backtest import ClusterRun, resource
from tradewind_cli.compare import load_report
from tradewind_cli.report_page import check_target

pytestmark = pytest.mark.slow

KEYS = {
    "strategyDigest",
    "dataDigest",
    "reportDigest",
    "candles",
    "trades",
    "totalReturn",
    "maxDrawdown",
    "sharpe",
    "winRate",
    "feesPaid",
    "equityFinal",
    "sortino",
    "profitFactor",
    "timeInMarket",
    "trust",
    "trustReasons",
    "engineVersion",
}


def tw(*arguments, **env):
    return subprocess.run(
        [sys.executable, "-m", "tradewind_cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | env,
    )


def test_json_has_the_stable_keys(recorded):
    """One object, fractions not percent."""
    data = recorded / "ohlcv/binance_usdm_BTCUSDT_1h_2020-2024.parquet"
    done = tw("backtest", "run", "sma-crossover", "--data", data, "--fee-bps", 10, "--set", "fast.period=10", "-o", "json")
    assert (0, "") == (done.returncode, done.stderr)
    report = json.loads(done.stdout)
    assert set(report) >= KEYS
    assert (37660, 538) == (report["candles"], report["trades"])
    assert 0 < report["maxDrawdown"] < 1


def test_a_table_is_for_people(recorded):
    """Percent and two digits."""
    done = tw("backtest", "run", "rsi", "--data", recorded / "ohlcv/binance_usdm_BTCUSDT_1h_2020-2024.parquet")
    assert "closed trades   223" in done.stdout


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("nodes: [", 64, "this is not YAML"),
        (
            "schema: tradewind.strategy/v1\ntimeframe: 1h\nnodes: []\nentry: {when: x}\n",
            64,
            "nodes: List should have at least 1",
        ),
    ],
)
def test_a_bad_strategy_ends_with_64(tmp_path, text, code, message):
    """The message stands on stderr, nothing on stdout."""
    (tmp_path / "s.yaml").write_text(text)
    (tmp_path / "d.csv").write_text("ts,open,high,low,close,volume\n")
    done = tw("backtest", "run", tmp_path / "s.yaml", "--data", tmp_path / "d.csv")
    assert (code, "") == (done.returncode, done.stdout)
    assert message in done.stderr


def test_bad_candles_end_with_65(tmp_path):
    """Row and column are named."""
    (tmp_path / "d.csv").write_text("ts,open,high,low,close,volume\n1700000000000,1,1,1,0,1\n")
    done = tw("backtest", "run", "rsi", "--data", tmp_path / "d.csv")
    assert 65 == done.returncode
    assert "tw: d.csv: row 1, column close: 0.0 must be positive" in done.stderr


@pytest.mark.parametrize("setting", ["fast.period", "fast.period=", "fast.period=nan", "=3x"])
def test_a_bad_setting_is_a_usage_error(setting, tmp_path):
    """The form is shown."""
    done = tw("backtest", "run", "sma-crossover", "--data", tmp_path / "d.csv", "--set", setting)
    assert 2 == done.returncode
    assert "node.param=number" in done.stderr


def test_a_page_is_written_and_opened(recorded, tmp_path):
    """The browser gets the file's address; stdout stays one JSON object."""
    data, page = recorded / "ohlcv/coinbase_BTCUSD_1d_2014-2018.parquet", tmp_path / "report.html"
    arguments = ("backtest", "run", "rsi", "--data", data, "--timeframe", "1d", "--html", page, "--open", "-o", "json")
    done = tw(*arguments, BROWSER=f"sh -c 'echo %s > {tmp_path}/opened'")
    assert 0 == done.returncode, done.stderr
    assert json.loads(done.stdout)["candles"] == 1318
    assert f"page: {page}" in done.stderr
    assert page.as_uri() == (tmp_path / "opened").read_text().strip()
    assert page.read_text().startswith("<!doctype html>")


@pytest.mark.slow
def test_without_a_browser_the_page_is_named(recorded, tmp_path):
    """And lies in the folder for temporary files."""
    data = recorded / "ohlcv/coinbase_BTCUSD_1d_2014-2018.parquet"
    env = {"BROWSER": "/does/not/exist", "PATH": "/nowhere", "TMPDIR": str(tmp_path)}
    done = tw("backtest", "run", "rsi", "--data", data, "--timeframe", "1d", "--open", **env)
    assert 0 == done.returncode, done.stderr
    assert "no browser was found here" in done.stderr
    assert 1 == len(list(tmp_path.glob("tradewind-*.html")))


def test_a_page_never_replaces_an_input(tmp_path, capsys):
    """The candles would be lost."""
    file = tmp_path / "d.csv"
    file.write_text("ts,open,high,low,close,volume\n")
    with pytest.raises(SystemExit, match="2"):
        check_target(file, "rsi", file)
    assert "this is an input" in capsys.readouterr().err


@pytest.mark.parametrize(("target", "message"), [(".", "this is a folder"), ("gone/x.html", "there is no folder")])
def test_a_page_that_cannot_be_written_is_told_before_the_run(tmp_path, capsys, target, message):
    """Nobody waits for a result that cannot be kept."""
    with pytest.raises(SystemExit, match="2"):
        check_target(tmp_path / target)
    assert message in capsys.readouterr().err


def test_in_the_cluster_a_page_needs_the_result(tmp_path):
    """It is there only after a while."""
    done = tw("backtest", "run", "rsi", "--html", tmp_path / "x.html")
    assert 2 == done.returncode
    assert "--watch" in done.stderr


@pytest.fixture(scope="module")
def two(recorded, tmp_path_factory):
    """Two reports of one strategy, with other parameters and another fee."""
    folder = tmp_path_factory.mktemp("reports")
    data = recorded / "ohlcv/coinbase_BTCUSD_1d_2014-2018.parquet"
    for name, more in {"a": ("--fee-bps", 10), "b": ("--fee-bps", 20, "--set", "fast.period=5")}.items():
        done = tw("backtest", "run", "sma-crossover", "--data", data, "--timeframe", "1d", *more, "-o", "json")
        (folder / f"{name}.json").write_text(done.stdout)
    return folder


@pytest.mark.slow
def test_two_reports_are_compared(two):
    """Figures and their difference, the parameter that differs, and that the fees do."""
    done = tw("backtest", "compare", two / "a.json", two / "b.json", "-o", "json")
    found, first, second = json.loads(done.stdout), *(json.loads((two / f"{name}.json").read_text()) for name in "ab")
    returns = found["figures"]["totalReturn"]
    assert second["totalReturn"] - first["totalReturn"] == returns["difference"]
    assert ({"fast.period": [10, 5]}, ["the fees differ"]) == (found["parameters"], found["warnings"])


@pytest.mark.slow
def test_a_comparison_is_a_table_for_people(two):
    """Percent, and a sign on each difference."""
    done = tw("backtest", "compare", two / "a.json", two / "b.json")
    assert "warning: the fees differ" in done.stdout
    assert any(line.split()[:1] == ["fast.period"] for line in done.stdout.splitlines())
    assert "both are the same report" in tw("backtest", "compare", two / "a.json", two / "a.json").stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is not a report: it has no reportDigest"),
        ('{"reportDigest": "d"}', "is not a report: it has no totalReturn"),
        (None, "there is no file"),
    ],
)
def test_what_is_no_report_is_refused(tmp_path, capsys, content, message):
    """With what is missing."""
    file = tmp_path / "x.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SystemExit, match="2"):
        load_report(str(file))
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_market_takes_whole_steps(recorded):
    """With a step of 1 BTC and 100,000 of capital each amount is a whole number, and the report says by which rules."""
    data = recorded / "ohlcv/binance_usdm_BTCUSDT_1h_2020-2024.parquet"
    market = ("--amount-step", 1, "--min-notional", 5, "--maker-bps", 2)
    done = tw("backtest", "run", "rsi", "--data", data, "--capital", 1e5, *market, "--full", "-o", "json")
    report = json.loads(done.stdout)
    amounts = {trade["amount"] for trade in report["tradeList"]}
    assert amounts
    assert all(amount.is_integer() for amount in amounts)
    assert {"": {"amountStep": 1.0, "minNotional": 5.0}} == report["markets"]


@pytest.mark.parametrize(
    ("market", "wanted"),
    [
        ((1e-5, 5.0), [{"symbol": "A/B", "amountStep": "0.00001", "minNotional": "5"}]),
        ((0.0, 0.1), [{"symbol": "A/B", "amountStep": "0", "minNotional": "0.1"}]),
        ((0.0, 0.0), None),
    ],
)
def test_the_cluster_is_told_the_same_market(market, wanted):
    """Steps and least order as decimal strings; nothing where nothing was said."""
    asked = ClusterRun("rsi", "simulated", "A/B", "", "2025-01-01", "2025-02-01", 10, 0, 100.0, "one", market=market)
    assert wanted == resource(asked, {})["spec"].get("markets")
