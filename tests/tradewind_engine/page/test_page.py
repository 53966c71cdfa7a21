"""The page of a report: nothing from outside runs in it, nothing is loaded by it, and it stays small."""

import base64
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from markets import market

from tradewind_api.document.resolve import template
from tradewind_api.document.validation import parse_document
from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.backtest.simulate import MarketRules
from tradewind_engine.candles import Candles
from tradewind_engine.honesty.verdict import judge
from tradewind_engine.page.candle_levels import candle_levels
from tradewind_engine.page.charts import nice_ticks
from tradewind_engine.page.document import html_page

ROOT = Path(__file__).parents[3]
EVIL = "</script><script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"


def body(report):
    return report.to_json() | judge(report).to_json()


@pytest.fixture(scope="module")
def report():
    return run_backtest(
        template("sma-crossover"),
        {EVIL: market(3, count=1500), "B/C": market(4, count=1500)},
        timeframe="1h",
        exchange=EVIL,
        markets={EVIL: MarketRules(0.5, 5.0)},
    )


@pytest.fixture(scope="module")
def page(report):
    return html_page(body(report) | {"warnings": [EVIL]}, title=EVIL, candles=report.candles)


def embedded(text):
    """Return the data that the script reads."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


def test_names_from_outside_are_text(page):
    """Title, symbol, exchange, warning: no tag of theirs is one of the page."""
    assert "<img" not in page
    assert 2 == page.count("<script")
    assert EVIL in embedded(page)["symbols"]


def test_only_the_own_script_may_run_and_nothing_be_loaded(page):
    """The policy names the script by its hash; no address of anything else stands in the page."""
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
        in page
    )
    assert not re.search(r"<(?:img|link|iframe|object|embed|base)|@import|url\(|<[^>]+ (?:src|href)=", page)
    assert "http://" not in page
    assert "https://" not in page


def test_the_page_has_what_the_report_has(report, page):
    """Digests, version, parameters, trades of both symbols, and a heading for each part."""
    for text in (
        "in steps of 0.5, orders of 5 or more",
        report.strategy_digest,
        report.data_digest,
        report.summary()["reportDigest"],
        "fast.period",
        "tradewind 0.1.0",
    ):
        assert text in page
    assert len(report.trades) == len(embedded(page)["trades"])
    heads = re.findall(r"<h2[^>]*>(.*?)</h2>", page)
    assert ["Equity", "Months", "Figures", "Costs", "Candles and trades", "Trades", "Where this came from"] == heads[1:]
    assert heads[0].startswith("Trust: <em>")


def test_every_key_of_a_report_is_explained(report):
    """In one of the reference pages: what scripts and the portal read does not come as a surprise."""
    pages = "".join((ROOT / f"docs/reference/{name}.md").read_text() for name in ("analytics", "backtest-semantics", "trust"))
    assert [] == [key for key in body(report) if f"`{key}`" not in pages]


def test_a_report_without_candles_or_trades_has_a_page(report):
    """It says what is missing."""
    quiet = market(5)[:60]
    text = html_page(body(run_backtest(template("sma-crossover"), {"": quiet}, timeframe="1h")), title="quiet")
    assert "This report came without its candles" in text
    assert "No trade was closed." in text


def test_a_year_of_minutes_stays_small():
    """525,600 candles and thousands of trades in less than 3 MB, and every extreme of the price is in it."""
    rng = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.001, 525_600)))
    opens = np.concatenate([[100.0], close[:-1]])
    ts = 1_577_836_800_000 + 60_000 * np.arange(close.size)
    year = Candles(ts, opens, np.maximum(opens, close), np.minimum(opens, close), close, np.ones(close.size))
    document = parse_document(template("sma-crossover").to_json() | {"timeframe": "1m"})
    report = run_backtest(document, {"A/B": year}, timeframe="1m")
    text = html_page(report.to_json(), title="a year", candles=report.candles)
    assert len(text) < 3_000_000
    assert re.search(r"Of 525,600 closes (?:1,000|\d{3}) are drawn", text)
    wide = embedded(text)["candles"][0]["wide"]
    assert max(wide["h"]) == pytest.approx(year.high.max(), rel=1e-7)
    assert min(wide["l"]) == pytest.approx(year.low.min(), rel=1e-7)


def test_wide_candles_are_made_as_an_exchange_makes_them():
    """Of 6,000 candles at most ten real ones: the wide ones start on their own grid, with the volume's and price's extremes."""
    history = market(6)
    many = Candles(*(np.resize(column, 6000) for column in history.columns()))
    many = Candles(3_600_000 * np.arange(6000), *many.columns()[1:])
    found = candle_levels(many, [(0, 3_600_000, 5.0)], 3_600_000, most=10)
    assert (18_000_000, False) == (found["wideMs"], found["whole"])
    first = {name: found["wide"][name][0] for name in "ohlc"}
    expected = {"o": many.open[0], "h": many.high[:5].max(), "l": many.low[:5].min(), "c": many.close[4]}
    assert expected == pytest.approx(first, rel=1e-7)


def test_real_candles_are_kept_around_the_largest_trades():
    """Room for one window of 40 candles on both sides: that of the larger loss."""
    history = Candles(np.arange(1000) * 60_000, *(np.full(1000, 5.0),) * 5)
    found = candle_levels(history, [(6_000_000, 6_000_000, 1.0), (30_000_000, 30_000_000, -2.0)], 60_000, most=100)
    assert [(460 * 60_000, 540 * 60_000)] == [(part["t"][0], part["t"][-1]) for part in found["parts"]]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.8, 0), (99.5, 99.6), (5, 5), (0, 0), (1e-9, 3e-9), (-1e12, 1e12)])
def test_ticks_are_few_round_and_inside(low, high):
    """Whatever the range."""
    ticks = nice_ticks(low, high)
    assert 1 <= len(ticks) <= 6
    assert ticks == sorted(ticks)
