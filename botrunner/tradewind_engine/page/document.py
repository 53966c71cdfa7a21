"""The whole file: parts put together, data for the script, and a policy that lets nothing else run or load."""

import base64
import hashlib
import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

from tradewind_engine.candles import Candles
from tradewind_engine.page import sections
from tradewind_engine.page.candle_levels import MOST_REAL, candle_levels, short
from tradewind_engine.page.searching import searching
from tradewind_engine.timeframes import timeframe_ms

MOST_TRADES = 10_000
Row = list[float | int]


def html_page(report: Mapping[str, Any], *, title: str, candles: Mapping[str, Candles] | None = None) -> str:
    """Return a report as one self-contained HTML file.

    Args:
        report: JSON of a whole report (`Report.to_json`), with the verdict where there is one.
        title: Of the page, such as the strategy's name; may be any text.
        candles: Of each symbol of the run; without them there is no candle chart.
    """
    symbols = [str(symbol) for symbol in report.get("symbols", [])]
    found: list[dict[str, Any]] = list(report.get("tradeList", []))
    kept = found if len(found) <= MOST_TRADES else _largest(found)
    reasons = sorted({str(trade["reason"]) for trade in kept})
    data = {
        "equity": _curve(report["equityCurve"]),
        "market": _curve(report["buyAndHoldCurve"]),
        "drawdown": _curve(report["drawdownCurve"]),
        "symbols": symbols,
        "reasons": reasons,
        "trades": [_row(trade, symbols, reasons) for trade in kept],
        "candles": _candles(report, symbols, candles) if candles else [],
    }
    script, style = (files(__package__).joinpath(name).read_text("utf-8") for name in ("page.js", "page.css"))
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'"
    )
    parts = (
        sections.cards(report),
        sections.verdict(report),
        sections.curves(report),
        sections.months(report),
        f'<div class="two">{sections.figures(report)}{sections.costs(report)}</div>',
        sections.chart(symbols, drawn=bool(candles)),
        sections.trades(len(kept), len(found), several=len(symbols) > 1, drawn=bool(candles)),
        searching(report),
        sections.origin(report),
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">'
        f"<title>{escape(title)}: back-test</title><style>{style}</style></head><body>"
        f'<header><div><h1>{escape(title)}</h1><p class="soft">{sections.subtitle(report)}</p></div>'
        '<button type="button" id="theme">Light / dark</button></header>'
        f"<main>{''.join(parts)}</main>"
        "<footer>A simulation on past prices: decided at each close, filled at the next open. It promises nothing.</footer>"
        f'<script type="application/json" id="data">{_embedded(data)}</script><script>{script}</script></body></html>\n'
    )


def _embedded(data: Any) -> str:
    """Return JSON that cannot end the element it stands in, whatever its strings are."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _curve(points: list[Any]) -> list[Row]:
    return [[int(at_ms), short(value)] for at_ms, value in points]


def _row(trade: Mapping[str, Any], symbols: list[str], reasons: list[str]) -> Row:
    prices = [short(trade[key]) for key in ("entryPrice", "exitPrice", "amount", "profit", "fees")]
    return [symbols.index(trade["symbol"]), trade["entryMs"], trade["exitMs"], *prices, reasons.index(str(trade["reason"]))]


def _largest(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    order = sorted(range(len(found)), key=lambda place: -abs(found[place]["profit"]))[:MOST_TRADES]
    return [found[place] for place in sorted(order)]


def _candles(report: Mapping[str, Any], symbols: list[str], candles: Mapping[str, Candles]) -> list[dict[str, Any]]:
    step_ms, most = timeframe_ms(str(report["timeframe"])), MOST_REAL // len(symbols)
    trades: dict[str, list[tuple[int, int, float]]] = {symbol: [] for symbol in symbols}
    for trade in report.get("tradeList", []):
        trades[trade["symbol"]].append((trade["entryMs"], trade["exitMs"], trade["profit"]))
    return [candle_levels(candles[symbol], trades[symbol], step_ms, most=most) for symbol in symbols]
