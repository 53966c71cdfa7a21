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


def section(name: str, title: str, body: str, *, css: str = "") -> str:
    """Return a part of the page under a heading; `title` and `body` are markup."""
    return f'<section class="{escape(css)}" aria-labelledby="{name}"><h2 id="{name}">{title}</h2>{body}</section>'


def table(caption: str, head: str, rows: str, *, css: str = "", name: str = "") -> str:
    """Return a table that scrolls in its own place, by keyboard too; `head` and `rows` are markup."""
    marked = f' id="{name}"' if name else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table class="{css}">'
        f"<caption>{escape(caption)}</caption><thead>{head}</thead><tbody{marked}>{rows}</tbody></table></div>"
    )


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
    body = f'<p>{said}</p><ul class="reasons">{rows}</ul>{more}'
    return section(
        "trust", f"Trust: <em>{SIGNS.get(trust, '')} {escape(trust or 'unknown')}</em>", body, css=f"verdict {trust}"
    )


def cards(report: Mapping[str, Any]) -> str:
    """Return the figures that are read first."""
    total, market, final = (report.get(key) for key in ("totalReturn", "buyAndHoldReturn", "equityFinal"))
    items = [
        ("Total return", _signed(total), total),
        ("Buy and hold", _signed(market), None),
        ("Largest loss from a peak", shown(report.get("maxDrawdown"), "percent"), None),
        ("Sharpe ratio", shown(report.get("sharpe")), None),
        ("Sortino ratio", shown(report.get("sortino")), None),
        ("Closed trades", shown(report.get("trades"), "count"), None),
        ("Final equity", shown(final, "number" if final is not None and final < 100_000 else "count"), None),
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
    thinned = ""
    if count > few:
        how = "the highest and the lowest of each stretch, so no peak or trough is left out. The figures are of all of them."
        thinned = f'<p class="soft">Of {count:,} closes {few:,} are drawn: {how}</p>'
    moment = '<input type="range" id="moment" min="0" max="1000" value="1000" aria-label="Moment in time">'
    return section("curves", "Equity", f'{first}{second}{moment}<p class="readout" id="readout"></p>{thinned}')


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
    caption = "Return of each month in UTC, percent; the first and the last may be part of one"
    head = f'<tr><th scope="col">Year</th>{heads}</tr>'
    return section("months", "Months", table(caption, head, "".join(rows), css="heat"))


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
    rates = f'<p class="soft">Quote currency; {_rates(report)} basis points of each fill.{_steps(report)}</p>'
    return section("costs", "Costs", f'<div class="bars">{bars}</div>{rates}')


def figures(report: Mapping[str, Any]) -> str:
    """Return the other figures."""
    rows = "".join(
        f"<tr><th scope='row'>{name}</th><td>{shown(report.get(key), kind)}</td></tr>" for name, key, kind in FIGURES
    )
    return section("figures", "Figures", f'<table class="words">{rows}</table>')


def chart(symbols: Sequence[str], *, drawn: bool) -> str:
    """Return the place of the candle chart, or why there is none."""
    if not drawn:
        why = "This report came without its candles; <code>tw backtest run --data</code> makes one with them."
        return section("chart", "Candles", f'<p class="soft">{why}</p>')
    options = "".join(f'<option value="{number}">{escape(name)}</option>' for number, name in enumerate(symbols))
    picker = f'<label>Symbol <select id="symbol">{options}</select></label>' if len(symbols) > 1 else ""
    names = (("earlier", "← Earlier"), ("later", "Later →"), ("closer", "+ Closer"), ("wider", "- Wider"), ("all", "All"))
    buttons = "".join(f'<button type="button" id="{name}">{label}</button>' for name, label in names)
    told = "Candles with trades; arrow keys move, plus and minus zoom; the table below has every trade"
    canvas = f'<canvas id="candles" tabindex="0" role="img" aria-label="{told}"></canvas>'
    said = '<p class="soft" id="drawn"></p><p id="told" role="status"></p>'
    return section("chart", "Candles and trades", f'{canvas}<div class="tools">{picker}{buttons}</div>{said}')


def trades(kept: int, count: int, *, several: bool, drawn: bool) -> str:
    """Return the head of the table of trades; the script fills it."""
    if not count:
        return section("list", "Trades", '<p class="soft">No trade was closed.</p>')
    heads = [f'<th scope="col" data-key="{key}"><button type="button">{name}</button></th>' for name, key in COLUMNS]
    if several:
        heads.insert(1, '<th scope="col">Symbol</th>')
    if drawn:
        heads.insert(1, '<th scope="col">Chart</th>')
    left_out = ""
    if kept < count:
        left_out = f" The {kept:,} with the largest profits and losses of {count:,} are here; the JSON has all."
    caption = f"Closed trades; profit is quote currency after both fees.{left_out}"
    tools = (
        '<div class="tools"><button type="button" id="previous">← Previous</button><span id="page" role="status"></span>'
        '<button type="button" id="next">Next →</button></div>'
        "<noscript><p>The list of trades needs JavaScript.</p></noscript>"
    )
    return section("list", "Trades", table(caption, f"<tr>{''.join(heads)}</tr>", "", name="trades") + tools)


def origin(report: Mapping[str, Any]) -> str:
    """Return parameters, data, versions and digests: what somebody needs who wants to find the same."""
    parameters = "".join(
        f"<tr><th scope='row'>{escape(str(name))}</th><td>{value:g}</td></tr>"
        for name, value in report.get("parameters", {}).items()
    )
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
    sentence = f"<p>{escape(str(report.get('explanation', '')))}</p>"
    tables = f'<table class="words"><caption>Parameters</caption>{parameters}</table>'
    tables += f'<table class="words"><caption>Data</caption>{rows}</table>'
    document = f'<details><summary>The strategy as a document</summary><pre tabindex="0">{text}</pre></details>'
    return section("origin", "Where this came from", f'{sentence}<div class="two">{tables}</div>{document}')


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


def _rates(report: Mapping[str, Any]) -> str:
    fee, maker = report.get("feeBps"), report.get("makerBps")
    rests = f" ({shown(maker)} for orders that rest)" if maker is not None and maker != fee else ""
    return f"fee {shown(fee)}{rests} and slippage {shown(report.get('slippageBps'))}"


def _steps(report: Mapping[str, Any]) -> str:
    markets: Mapping[str, Mapping[str, float]] = report.get("markets") or {}
    told = [
        f"{symbol} in steps of {market['amountStep']:.12g}, orders of {market['minNotional']:.12g} or more".strip()
        for symbol, market in markets.items()
    ]
    return escape(f" Amounts: {'; '.join(told)}.") if told else ""


def _signed(value: Any) -> str:
    digits = 2 if value is None or abs(value) < 10 else 0  # a card is narrow
    return "-" if value is None else f"{100 * value:+,.{digits}f}\u00a0%"


def _axis(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.4g}"


def _heat(value: float, largest: float) -> str:
    css = "gain" if value > 0 else "loss" if value < 0 else ""
    return f'<td class="{css}" style="--s:{10 + 38 * abs(value) / largest:.0f}">{100 * value:+.1f}</td>'


def _words(name: str) -> str:
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).capitalize()
