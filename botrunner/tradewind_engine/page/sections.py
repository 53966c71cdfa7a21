"""The parts of a report's page that are text and tables. Everything that came from outside is escaped here."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tradewind_engine.page.charts import Line, curve_chart, day, minute

SIGNS = {"high": "●", "doubtful": "▲", "low": "■"}
TRUST = {
    "high": "Nothing was found that speaks against these figures.",
    "doubtful": "These figures may be less than they seem.",
    "low": "Do not act on these figures.",
}
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
FIGURES = (
    ("Growth a year (CAGR)", "cagr", "percent"),
    ("Calmar ratio", "calmar", "number"),
    ("Longest time below a peak, candles", "longestDrawdown", "count"),
    ("Largest loss of buy and hold from a peak", "buyAndHoldMaxDrawdown", "percent"),
    ("Win rate", "winRate", "percent"),
    ("Profit factor", "profitFactor", "number"),
    ("Mean profit of a trade", "expectancy", "number"),
    ("Best trade", "bestTrade", "number"),
    ("Worst trade", "worstTrade", "number"),
    ("Time in the market", "timeInMarket", "percent"),
    ("Turnover, times the capital", "turnover", "number"),
    ("Positions still open", "openPositions", "count"),
)
COLUMNS = (
    ("#", "index"), ("Bought, UTC", "entryMs"), ("Sold, UTC", "exitMs"), ("Entry", "entryPrice"), ("Exit", "exitPrice"),
    ("Amount", "amount"), ("Profit", "profit"), ("Return", "change"), ("Fees", "fees"), ("Why sold", "reason"),
)  # fmt: skip


def shown(value: Any, kind: str = "number") -> str:
    """Return a figure for a person: percent with a sign of its own, thousands apart, a dash where there is none."""
    if value is None or value == "":
        return "-"
    if kind == "percent":
        return f"{100 * value:,.2f}\u00a0%"
    return f"{value:,.0f}" if kind == "count" else f"{value:,.2f}"


def verdict(report: Mapping[str, Any]) -> str:
    """Return trust, its reasons, and warnings."""
    trust = str(report.get("trust", ""))
    items = [(str(one["level"]), str(one["code"]), str(one["message"])) for one in report.get("trustReasons", [])]
    items += [("warning", "", str(message)) for message in report.get("warnings", [])]
    rows = "".join(
        f'<li><span class="level {escape(level)}">{SIGNS.get(level, "!")} {escape(level)}</span>{escape(message)}'
        f"{f' <code>{escape(code)}</code>' if code else ''}</li>"
        for level, code, message in sorted(items, key=lambda item: ("low", "doubtful", "high", "warning").index(item[0]))
    )
    said = TRUST.get(trust, "No verdict stands in this report.")
    if trust == "high" and (report.get("totalReturn") or 0) <= 0:
        said = "A loss is believed without proof."
    measured = {name: value for name, value in report.get("trustFigures", {}).items() if isinstance(value, int | float)}
    figures = "".join(f"<tr><th>{escape(_words(name))}</th><td>{value:.4g}</td></tr>" for name, value in measured.items())
    more = f'<details><summary>What was measured</summary><table class="words">{figures}</table></details>' if figures else ""
    return (
        f'<section class="verdict {escape(trust)}" aria-labelledby="trust"><h2 id="trust">Trust: '
        f"<em>{SIGNS.get(trust, '')} "
        f'{escape(trust or "unknown")}</em></h2><p>{said}</p><ul class="reasons">{rows}</ul>{more}</section>'
    )


def cards(report: Mapping[str, Any]) -> str:
    """Return the figures that are read first."""
    total, market = report.get("totalReturn"), report.get("buyAndHoldReturn")
    items = [
        ("Total return", _signed(total), total),
        ("Buy and hold", _signed(market), None),
        ("Largest loss from a peak", shown(report.get("maxDrawdown"), "percent"), None),
        ("Sharpe ratio", shown(report.get("sharpe")), None),
        ("Sortino ratio", shown(report.get("sortino")), None),
        ("Closed trades", shown(report.get("trades"), "count"), None),
        ("Final equity", shown(report.get("equityFinal")), None),
    ]
    return '<div class="cards">' + "".join(_card(*item) for item in items) + "</div>"


def curves(report: Mapping[str, Any]) -> str:
    """Return equity with buy and hold, and how far it was below its peak."""
    equity = [Line("market", "buy and hold", report["buyAndHoldCurve"]), Line("own", "this strategy", report["equityCurve"])]
    final, start = report.get("equityFinal"), report.get("capital")
    told = f"Equity from {shown(start)} to {shown(final)}; buy and hold returned {_signed(report.get('buyAndHoldReturn'))}."
    first = curve_chart("equity", equity, title="Equity at each close, quote currency", told=told, shown=_axis)
    worst = shown(report.get("maxDrawdown"), "percent")
    below = [(at_ms, -value) for at_ms, value in report["drawdownCurve"]]
    second = curve_chart(
        "underwater",
        [Line("loss", "below the peak", below, filled=True)],
        title="Below the highest equity so far (underwater)",
        told=f"The largest loss from a peak is {worst}.",
        shown=lambda value: f"{100 * value:.3g} %",
        floor=0.0,
    )
    count = int(report.get("candles") or 0)
    few = len(report["equityCurve"])
    thinned = (
        f'<p class="soft">Of {count:,} closes {few:,} are drawn: the highest and the lowest of each stretch, so no '
        f"peak or trough "
        "is left out. The figures are of all of them.</p>"
        if count > few
        else ""
    )
    return (
        f'<section aria-labelledby="curves"><h2 id="curves">Equity</h2>{first}{second}'
        '<input type="range" id="moment" min="0" max="1000" value="1000" aria-label="Moment in time" '
        'aria-describedby="readout">'
        f'<p class="readout" id="readout"></p>{thinned}</section>'
    )


def months(report: Mapping[str, Any]) -> str:
    """Return the monthly table, years as rows; the shade follows the size, the sign is always written."""
    values = {str(item["month"]): float(item["return"]) for item in report.get("monthlyReturns", [])}
    if not values:
        return ""
    largest = max(0.01, *map(abs, values.values()))
    rows = []
    for year in sorted({month[:4] for month in values}):
        found = [values.get(f"{year}-{number:02}") for number in range(1, 13)]
        product = 1.0
        for value in found:
            product *= 1 + (value or 0.0)
        cells = "".join("<td></td>" if value is None else _heat(value, largest) for value in found)
        rows.append(f'<tr><th scope="row">{year}</th>{cells}<td><b>{100 * (product - 1):+.1f}</b></td></tr>')
    heads = "".join(f'<th scope="col">{name}</th>' for name in [*MONTHS, "Year"])
    return (
        '<section aria-labelledby="months"><h2 id="months">Months</h2><div class="scroll" tabindex="0" role="region" '
        'aria-label="Monthly returns"><table class="heat"><caption>Return of each month in UTC, percent; the first and '
        "the last may "
        f'be part of one</caption><thead><tr><th scope="col">Year</th>{heads}</tr></thead><tbody>{"".join(rows)}'
        f"</tbody></table>"
        "</div></section>"
    )


def costs(report: Mapping[str, Any]) -> str:
    """Return what the fills made before costs and what went off it."""
    split = report.get("costSplit") or {}
    named = (("Profit before costs", "profitBeforeCosts", ""), ("Fees", "fees", "cost"), ("Slippage", "slippage", "cost"),
             ("Profit", "profit", ""))  # fmt: skip
    largest = max((abs(float(split.get(key, 0.0))) for _, key, _ in named), default=0.0) or 1.0
    bars = "".join(
        f'<span>{label}</span><i class="{"cost" if css or split.get(key, 0.0) < 0 else ""}" '
        f'style="width:{100 * abs(float(split.get(key, 0.0))) / largest:.1f}%"></i>'
        f"<span>{'-' if css and split.get(key) else ''}{shown(split.get(key))}</span>"
        for label, key, css in named
    )
    return (
        f'<section aria-labelledby="costs"><h2 id="costs">Costs</h2><div class="bars">{bars}</div><p '
        f'class="soft">Quote currency; fee '
        f"{shown(report.get('feeBps'))} and slippage {shown(report.get('slippageBps'))} basis points of each fill.</p>"
        f"</section>"
    )


def figures(report: Mapping[str, Any]) -> str:
    """Return the other figures."""
    rows = "".join(
        f"<tr><th scope='row'>{name}</th><td>{shown(report.get(key), kind)}</td></tr>" for name, key, kind in FIGURES
    )
    return f'<section aria-labelledby="figures"><h2 id="figures">Figures</h2><table class="words">{rows}</table></section>'


def chart(symbols: Sequence[str], *, drawn: bool) -> str:
    """Return the place of the candle chart, or why there is none."""
    if not drawn:
        return (
            '<section id="chart" aria-labelledby="chart-title"><h2 id="chart-title">Candles</h2><p class="soft">This '
            "report came without its "
            "candles; `tw backtest run --data` makes one with them.</p></section>"
        )
    options = "".join(f'<option value="{number}">{escape(name)}</option>' for number, name in enumerate(symbols))
    picker = f'<label>Symbol <select id="symbol">{options}</select></label>' if len(symbols) > 1 else ""
    names = (("earlier", "← Earlier"), ("later", "Later →"), ("closer", "+ Closer"), ("wider", "- Wider"), ("all", "All"))
    buttons = "".join(f'<button type="button" id="{name}">{label}</button>' for name, label in names)
    return (
        '<section id="chart" aria-labelledby="chart-title"><h2 id="chart-title">Candles and trades</h2><canvas '
        'id="candles" tabindex="0" '
        'role="img" aria-label="Candles with trades; arrow keys move, plus and minus zoom; the table below has every '
        'trade"></canvas>'
        f'<div class="tools">{picker}{buttons}</div><p class="soft" id="drawn"></p><p id="told" role="status"></p>'
        f"</section>"
    )


def trades(kept: int, count: int, *, several: bool, drawn: bool) -> str:
    """Return the head of the table of trades; the script fills it."""
    if not count:
        return '<section aria-labelledby="list"><h2 id="list">Trades</h2><p class="soft">No trade was closed.</p></section>'
    heads = [f'<th scope="col" data-key="{key}"><button type="button">{name}</button></th>' for name, key in COLUMNS]
    if several:
        heads.insert(1, '<th scope="col">Symbol</th>')
    if drawn:
        heads.insert(1, '<th scope="col">Chart</th>')
    left_out = ""
    if kept < count:
        left_out = f" The {kept:,} with the largest profits and losses of {count:,} are here; the JSON has all."
    return (
        '<section aria-labelledby="list"><h2 id="list">Trades</h2><div class="scroll" tabindex="0" role="region" '
        'aria-label="Trades"><table>'
        f"<caption>Closed trades; profit is quote currency after both fees.{left_out}</caption>"
        f'<thead><tr>{"".join(heads)}</tr></thead><tbody id="trades"></tbody></table></div><div class="tools">'
        '<button type="button" id="previous">← Previous</button><span id="page" role="status"></span>'
        '<button type="button" id="next">Next →</button></div>'
        "<noscript><p>The list of trades needs JavaScript.</p></noscript></section>"
    )


def origin(report: Mapping[str, Any]) -> str:
    """Return parameters, data, versions and digests: what somebody needs who wants to find the same."""
    parameters = "".join(
        f"<tr><th scope='row'>{escape(str(name))}</th><td>{value:g}</td></tr>"
        for name, value in report.get("parameters", {}).items()
    )
    searched = report.get("optimisation")
    if searched:
        how = f"{searched['points']} of {searched['spaceSize']} points ({searched['method']}), sought: {searched['objective']}"
        parameters += f"<tr><th scope='row'>Search</th><td>{escape(how)}</td></tr>"
    candles, missing = shown(report.get("candles"), "count"), shown(report.get("missingCandles"), "count")
    facts = (
        ("Exchange", report.get("exchange") or "-"),
        ("Symbols", ", ".join(map(str, report.get("symbols", []))) or "-"),
        ("Timeframe", report.get("timeframe")),
        ("From", f"{minute(int(report['fromMs']))} UTC"),
        ("To", f"{minute(int(report['toMs']))} UTC, not included"),
        ("Candles", f"{candles}, {missing} missing"),
        ("Capital", shown(report.get("capital"))),
        ("Engine", f"tradewind {report.get('engineVersion', '-')}"),
        ("Digest of the strategy", report.get("strategyDigest")),
        ("Digest of the data", report.get("dataDigest")),
        ("Digest of this report", report.get("reportDigest")),
    )
    rows = "".join(
        f"<tr><th scope='row'>{name}</th>"
        f"<td>{f'<code>{escape(str(value))}</code>' if 'Digest' in name else escape(str(value))}</td></tr>"
        for name, value in facts
    )
    text = escape(json.dumps(report.get("strategy", {}), indent=1, ensure_ascii=False))
    return (
        '<section aria-labelledby="origin"><h2 id="origin">Where this came from</h2><div class="two">'
        f'<table class="words"><caption>Parameters</caption>{parameters}</table><table class="words"><caption>Data'
        f"</caption>{rows}</table>"
        f'</div><details><summary>The strategy as a document</summary><pre tabindex="0">{text}</pre></details></section>'
    )


def subtitle(report: Mapping[str, Any]) -> str:
    """Return what was tried on what, in a line."""
    symbols = ", ".join(filter(None, map(str, report.get("symbols", []))))
    parts = [
        report.get("exchange"),
        symbols,
        report.get("timeframe"),
        f"{day(int(report['fromMs']))} to {day(int(report['toMs']) - 1)}",
    ]
    return escape(" · ".join(str(part) for part in parts if part))


def _card(label: str, text: str, value: float | None) -> str:
    css = "" if value is None else "up" if value > 0 else "down"
    return f'<div class="card"><span>{label}</span><b class="{css}">{text}</b></div>'


def _signed(value: Any) -> str:
    return "-" if value is None else f"{100 * value:+,.2f}\u00a0%"


def _axis(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.4g}"


def _heat(value: float, largest: float) -> str:
    css = "gain" if value > 0 else "loss" if value < 0 else ""
    return f'<td class="{css}" style="--s:{10 + 55 * abs(value) / largest:.0f}">{100 * value:+.1f}</td>'


def _words(name: str) -> str:
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).capitalize()
