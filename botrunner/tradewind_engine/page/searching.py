"""What a search found beside its best point: the next best ones, and what each step of a walk-forward chose and got."""

from collections.abc import Mapping
from html import escape
from typing import Any

from tradewind_engine.page.charts import day
from tradewind_engine.page.sections import section, shown, table

BEST = 10


def searching(report: Mapping[str, Any]) -> str:
    """Return the part about the search, nothing for a report that came of one run."""
    found = report.get("optimisation")
    if not found:
        return ""
    objective = str(found["objective"])
    rows = [
        [*(f"{value:g}" for value in row["parameters"].values()), shown(row["value"]), shown(row["totalReturn"], "percent"),
         shown(row["maxDrawdown"], "percent"), shown(row["trades"], "count")]
        for row in found["top"][:BEST]
    ]  # fmt: skip
    heads = [*found["parameters"], objective, "return", "largest loss", "trades"]
    how = f"({found['method']}, seed {found['seed']}), by {objective}"
    caption = f"The best of {found['points']:,} of {found['spaceSize']:,} points {how}"
    return section("search", "Search", _table(caption, heads, rows) + _walk(found.get("walkForward")))


def _walk(walk: Mapping[str, Any] | None) -> str:
    if not walk:
        return ""
    rows = [
        [f"{day(fold['trainToMs'])} to {day(fold['testToMs'])}", ", ".join(f"{v:g}" for v in fold["parameters"].values()),
         shown(fold["trainReturn"], "percent"), shown(fold["testReturn"], "percent"), shown(fold["testTrades"], "count")]
        for fold in walk["folds"]
    ]  # fmt: skip
    got = f"{shown(walk['testReturn'], 'percent')} in all on what followed"
    caption = f"Walk-forward ({walk['kind']}): chosen on what came before, {got}"
    return _table(caption, ["tried on", "chosen", "return where chosen", "return where tried", "trades"], rows)


def _table(caption: str, heads: list[str], rows: list[list[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return table(caption, f"<tr>{head}</tr>", body)
