"""`tw backtest run --data` as a person runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (
            ("--from", "2030-01-01"),
            65,
            "no candle opens from 2030-01-01 to the last: there are 2014-12-01T00:00Z to 2018-08-13",
        ),
        (("--to", "2014-12-20"), 65, "one decision needs 51 1d candles, there are"),
        (("--from", "2015-02-30"), 2, "2015-02-30: wanted is a day or a time in UTC"),
        (("--from", "2016-01-01", "--to", "2015-01-01"), 2, "--from 2016-01-01 is not before --to 2015-01-01"),
        (("--capital", "1e308"), 2, "less than or equal to"),
        (("--set", "fast.period=5", "--set", "fast.period=6"), 2, "--set fast.period: given more than once"),
        (("--watch",), 2, "--watch and --name are for a run in the cluster"),
    ],
)
def test_a_bad_option_is_named(recorded, options, code, message):
    """Nothing that was asked for is left out silently, and no trace of a program is shown."""
    data = recorded / "ohlcv/coinbase_BTCUSD_1d_2014-2018.parquet"
    done = tw("backtest", "run", "sma-crossover", "--data", data, "--timeframe", "1d", *options)
    assert (code, "") == (done.returncode, done.stdout), done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stretch_of_the_file_is_run(recorded):
    """The first candle asked for, and the end not included."""
    data = recorded / "ohlcv/coinbase_BTCUSD_1d_2014-2018.parquet"
    times = ("--from", "2017-01-01", "--to", "2018-01-01T00:00Z")
    done = tw("backtest", "run", "rsi", "--data", data, "--timeframe", "1d", *times, "-o", "json")
    report = json.loads(done.stdout)
    assert (1_483_228_800_000, 1_514_764_800_000, 365) == (report["fromMs"], report["toMs"], report["candles"])


def test_a_full_disk_is_said(recorded, tmp_path):
    """In a sentence; and the page that was there before stays."""
    data = recorded / "ohlcv/coinbase_BTCUSD_1d_2014-2018.parquet"
    command = [sys.executable, "-m", "tradewind_cli.main", "backtest", "run", "rsi", "--data", data, "--timeframe", "1d"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*command, "-o", "json"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (1, "tw: what was printed is cut off: No space left on device\n") == (done.returncode, done.stderr)
    page = tmp_path / "x.html"
    page.write_text("before")
    (tmp_path / "x.html.part").symlink_to("/dev/full")
    done = tw(*command[3:], "--html", page)
    assert 1 == done.returncode
    assert "cannot write the page: No space left on device" in done.stderr
    assert (["x.html"], "before") == ([file.name for file in tmp_path.iterdir()], page.read_text())


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


LADDER = """
timeframe: 1h
nodes:
  - {id: up, op: above, in: [close], params: {value: 100}}
  - {id: down, op: below, in: [close], params: {value: 10}}
entry: {when: up, size: {quote: 101}, ladder: {steps: 1, spacingPercent: 10}}
exit: {when: down}
"""
CANDLES = [(100, 101, 99, 101), (100, 101, 99, 100), (95, 96, 89, 95), (95, 96, 94, 95)]


@pytest.mark.parametrize(
    ("maker", "paid"),
    [((), 1 + 1), (("--maker-bps", 0), 1 + 0), (("--maker-bps", 25), 1 + 101 - 101 / 1.0025)],
)
def test_a_resting_buy_pays_the_makers_fee(tmp_path, maker, paid):
    """Both buys spend 101 with the fee in it: at 1 % 100 are the coins and 1 the fee; the step of the ladder rests at 90."""
    (tmp_path / "s.yaml").write_text(LADDER)
    rows = [",".join(map(str, (1_700_000_400_000 + index * 3_600_000, *row, 1))) for index, row in enumerate(CANDLES)]
    (tmp_path / "d.csv").write_text("ts,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    options = ("--data", tmp_path / "d.csv", "--fee-bps", 100, *maker, "-o", "json")
    done = tw("backtest", "run", tmp_path / "s.yaml", *options)
    assert (0, "") == (done.returncode, done.stderr)
    assert paid == pytest.approx(json.loads(done.stdout)["feesPaid"], abs=1e-9)


def test_the_cluster_is_told_the_makers_fee():
    """The taker's where none is given."""
    for maker, wanted in ((None, 10), (2.5, 2.5), (0.0, 0.0)):
        asked = ClusterRun("rsi", "simulated", "A/B", "", "2025-01-01", "2025-02-01", 10, 0, 100.0, "one", maker)
        assert {"makerBps": wanted, "takerBps": 10, "slippageBps": 0} == resource(asked, {})["spec"]["fees"]


def test_in_the_cluster_the_number_of_tries_is_refused():
    """There it would be dropped, and the verdict be kinder than it should."""
    done = tw("backtest", "run", "rsi", "--tried", 20)
    assert (2, "") == (done.returncode, done.stdout)
    assert "tw: --tried is for a run here, with --data" in done.stderr


def test_the_number_of_tries_weighs_on_the_verdict(recorded):
    """One run among a thousand tries is judged by the best that chance gives a thousand."""
    data = recorded / "ohlcv/coinbase_BTCUSD_1d_2014-2018.parquet"
    run = ("backtest", "run", "sma-crossover", "--timeframe", "1d", "--data", data, "-o", "json")
    one, many = (json.loads(tw(*run, "--tried", tried).stdout) for tried in (1, 1000))
    assert one["reportDigest"] == many["reportDigest"]
    told = [reason["message"] for reason in many["trustReasons"] if reason not in one["trustReasons"]]
    assert ["the best of 1000 tries shows as much"] == [message[:36] for message in told]
