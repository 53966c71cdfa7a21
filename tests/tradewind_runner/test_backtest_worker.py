"""The back-test worker's process: the same figures as `tw backtest run`, and exit codes that say who must act."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from aiohttp import web
from bot_world import Portal

from tradewind_api.document.resolve import template
from tradewind_api.runner import CANDLES_MEDIA_TYPE, TerminationMessage, TrustWords
from tradewind_engine.candle_files import read_candle_file
from tradewind_runner.backtest_worker import trust_words
from tradewind_runner.last_words import write_last_words

pytestmark = pytest.mark.slow


@pytest.fixture
def portal():
    found = Portal()
    yield found
    found.stop()


def run_worker(portal, folder, **changes):
    """Run the process on a configuration and return its exit code and last words."""
    document = template("rsi")
    config = {
        "backtest": {"uid": "u", "name": "b", "namespace": "n", "tenant": "t", "plan": "pro", "generation": 1},
        "strategy": document.to_json(),
        "strategyDigest": "d",
        "dataset": {"exchange": "simulated", "symbols": ["BTC/USDT"], "timeframe": "1h", "fromMs": 0, "toMs": 10**13},
        "capital": {"currency": "USDT", "amount": "10000"},
    } | changes
    (folder / "backtest.json").write_text(json.dumps(config))
    (folder / "token").write_text("pod-token")
    env = os.environ | {
        "TRADEWIND_RUNNER_PORTAL_URL": f"http://127.0.0.1:{portal.port}",
        "TRADEWIND_RUNNER_CONFIG": str(folder / "backtest.json"),
        "TRADEWIND_RUNNER_TOKEN_FILE": str(folder / "token"),
        "TRADEWIND_RUNNER_TERMINATION_LOG": str(folder / "words"),
    }
    done = subprocess.run([sys.executable, "-m", "tradewind_runner.backtest_worker"], env=env, check=False, capture_output=True)
    return done.returncode, json.loads((folder / "words").read_text())


MARKET = [{"symbol": "BTC/USDT", "amountStep": "0.001", "minNotional": "5"}]


@pytest.mark.parametrize(
    ("markets", "options"), [([], []), (MARKET, ["--amount-step", "0.001", "--min-notional", "5"])], ids=["any", "rounded"]
)
def test_the_worker_equals_the_command_line_to_the_last_digit(portal, recorded, tmp_path, markets, options):
    """Four years of BTC by the hour: one report, whichever way it is made, with the market's steps and without."""
    file = recorded / "ohlcv/binance_usdm_BTCUSDT_1h_2020-2024.parquet"
    columns = b"".join(read_candle_file(file).column_bytes())
    portal.candles = lambda _: web.Response(body=columns, content_type=CANDLES_MEDIA_TYPE)
    code, words = run_worker(portal, tmp_path, markets=markets)
    assert (0, "Succeeded") == (code, words["code"])
    command = [
        sys.executable,
        "-m",
        "tradewind_cli.main",
        "backtest",
        "run",
        "rsi",
        "--data",
        str(file),
        "-o",
        "json",
        "--full",
    ]
    command += ["--exchange", "simulated", "--symbol", "BTC/USDT", *options]
    done = subprocess.run(command, check=True, capture_output=True)
    assert json.loads(done.stdout) == portal.reports[0]["report"]
    assert "223" == words["summary"]["trades"]


def test_an_optimisation_reports_its_best_point_and_the_trust_in_it(portal, recorded, tmp_path):
    """Forty points and two steps of walk-forward; the last words carry the verdict, the report the table."""
    columns = b"".join(read_candle_file(recorded / "ohlcv/binance_usdm_BTCUSDT_1h_2020-2024.parquet").column_bytes())
    portal.candles = lambda _: web.Response(body=columns, content_type=CANDLES_MEDIA_TYPE)
    ranges = [
        {"address": "rsi.period", "min": 10, "max": 17, "step": 1},
        {"address": "oversold.value", "min": 20, "max": 40, "step": 5},
    ]
    optimization = {"parameters": ranges, "objective": "totalReturn", "folds": 2}
    code, words = run_worker(portal, tmp_path, optimization=optimization, markets=MARKET)
    assert (0, "Succeeded") == (code, words["code"])
    report = portal.reports[0]["report"]
    found = report["optimisation"]
    assert (40, "exhaustive", 2) == (found["points"], found["method"], len(found["walkForward"]["folds"]))
    assert found["top"][0]["totalReturn"] == report["totalReturn"] == max(row["totalReturn"] for row in found["top"])
    assert {"BTC/USDT": {"amountStep": 0.001, "minNotional": 5.0}} == report["markets"]
    assert report["trust"] == words["summary"]["trust"] in {"high", "doubtful", "low"}
    assert {one["code"] for one in report["trustReasons"]} == {one["code"] for one in words["trustReasons"]}
    assert {"sortino", "profitFactor", "timeInMarket"} <= set(words["summary"])


def test_a_status_holds_the_gravest_reasons():
    """Nine doubts and one that leaves nothing: that one first, and seven of the others, each message cut to its room."""
    reasons = [{"code": f"D{number}", "level": "doubtful", "message": "m" * 400, "value": 0.0} for number in range(9)]
    found = trust_words([*reasons, {"code": "Low", "level": "low", "message": "m", "value": 0.0}])
    assert ["Low", *(f"D{number}" for number in range(7))] == [one.code for one in found]
    assert 300 == len(found[1].message)


def test_last_words_fit_into_what_kubernetes_keeps(tmp_path):
    """Eight reasons of 300 letters of three bytes each: the last ones are left out, the rest is whole JSON."""
    reasons = [TrustWords(code="CouldBeLuck", level="doubtful", message="€" * 300)] * 8
    write_last_words(tmp_path / "words", TerminationMessage(code="Succeeded", receipt=True, trust_reasons=reasons))
    text = (tmp_path / "words").read_bytes()
    assert len(text) <= 4096
    assert 4 == len(json.loads(text)["trustReasons"])


def test_an_optimisation_without_a_point_ends_with_64(portal, recorded, tmp_path):
    """Nobody has to try it again."""
    columns = b"".join(read_candle_file(recorded / "ohlcv/binance_usdm_BTCUSDT_1h_2020-2024.parquet").column_bytes())
    portal.candles = lambda _: web.Response(body=columns, content_type=CANDLES_MEDIA_TYPE)
    asked = {"parameters": [{"address": "rsi.period", "min": 10, "max": 11, "step": 1}], "constraints": ["trades>=100000"]}
    code, words = run_worker(portal, tmp_path, optimization=asked)
    assert 64 == code
    assert "none of 2 points satisfies trades >= 100000" in words["message"]


def test_missing_candles_end_with_65_and_the_ranges(portal, tmp_path):
    """Who reads it knows what to import."""
    problem = {"code": "DataMissing", "detail": "import them", "missing": [{"symbol": "BTC/USDT", "fromMs": 5, "toMs": 9}]}
    portal.candles = lambda _: web.json_response(problem, status=404)
    code, words = run_worker(portal, tmp_path)
    assert (65, "DataMissing") == (code, words["code"])
    assert [{"symbol": "BTC/USDT", "fromMs": 5, "toMs": 9}] == words["missing"]


def test_too_few_candles_end_with_65(portal, tmp_path):
    """RSI(14) needs 351 candles."""
    ts = np.arange(10, dtype="<i8") * 3_600_000
    ones = np.ones(10, dtype="<f8").tobytes()
    portal.candles = lambda _: web.Response(body=ts.tobytes() + ones * 5, content_type=CANDLES_MEDIA_TYPE)
    code, words = run_worker(portal, tmp_path)
    assert 65 == code
    assert "one decision needs 351 1h candles, there are 10" in words["message"]


def test_a_bad_strategy_ends_with_64(portal, tmp_path):
    """Before anything is fetched."""
    code, words = run_worker(portal, tmp_path, strategy={"schema": "tradewind.strategy/v1", "nodes": []})
    assert (64, "BadStrategy") == (code, words["code"])
