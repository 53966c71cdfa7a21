"""Two reports side by side: what differs in figures, and whether they can be compared at all."""

import json
from pathlib import Path
from typing import Any

from tradewind_cli.output import EXIT_USAGE, Format, fail, print_rows, print_value

PERCENT, NUMBER = "percent", "number"
FIGURES = (
    ("totalReturn", PERCENT), ("buyAndHoldReturn", PERCENT), ("cagr", PERCENT), ("maxDrawdown", PERCENT), ("sharpe", NUMBER),
    ("sortino", NUMBER), ("calmar", NUMBER), ("trades", NUMBER), ("winRate", PERCENT), ("profitFactor", NUMBER),
    ("expectancy", NUMBER), ("timeInMarket", PERCENT), ("turnover", NUMBER), ("feesPaid", NUMBER), ("slippagePaid", NUMBER),
    ("equityFinal", NUMBER),
)  # fmt: skip
SAME = (
    ("dataDigest", "the candles differ: what separates the figures may be the market, not the strategy"),
    ("timeframe", "the timeframes differ"),
    ("capital", "the capital differs: compare fractions, not money"),
    ("feeBps makerBps", "the fees differ"),
    ("slippageBps", "the slippage differs"),
    ("markets", "the markets' steps or least orders differ"),
)
NEEDED = ("reportDigest", "totalReturn", "trades", "equityFinal")


def load_report(name: str) -> dict[str, Any]:
    """Return the report in JSON file `name`, or of the back-test of that name in the cluster; ends the program on neither."""
    path = Path(name)
    if path.is_dir():
        fail(
            f"{name} is a folder; give a report (tw backtest run ... -o json > FILE) or the name of a Backtest", code=EXIT_USAGE
        )
    if path.is_file():
        return _read(path)
    if path.suffix or "/" in name:
        fail(f"there is no file {name}", code=EXIT_USAGE)
    from tradewind_cli.client import ApiError, Client  # noqa: PLC0415 - needs the network half
    from tradewind_cli.cluster_backtest import wait  # noqa: PLC0415
    from tradewind_cli.profile import load_profile  # noqa: PLC0415

    try:
        return wait(Client(load_profile()), name)
    except ApiError as exc:
        fail(f"there is no file {name}, and as a Backtest in the cluster: {exc}")


def compare(first: dict[str, Any], second: dict[str, Any], names: tuple[str, str], output: Format) -> None:
    """Print figures of both reports with their difference, the parameters that differ, and what makes them hard to compare."""
    figures = {key: _both(first.get(key), second.get(key)) for key, _ in FIGURES}
    mine, others = first.get("parameters", {}), second.get("parameters", {})
    parameters = {
        address: [mine.get(address), others.get(address)]
        for address in sorted({*mine, *others})
        if mine.get(address) != others.get(address)
    }
    found = {
        "names": list(names),
        "same": first["reportDigest"] == second["reportDigest"],
        "figures": figures,
        "trust": [first.get("trust"), second.get("trust")],
        "parameters": parameters,
        "warnings": [message for keys, message in SAME if any(first.get(key) != second.get(key) for key in keys.split())],
    }
    if output is not Format.TABLE:
        print_value(found, output)
        return
    shown: list[dict[str, Any]] = [
        {"": key, **{name: _shown(value, unit, signed=name == "difference") for name, value in figures[key].items()}}
        for key, unit in FIGURES
    ]
    shown.append({"": "trust", "first": found["trust"][0], "second": found["trust"][1]})
    shown += [{"": address, "first": values[0], "second": values[1]} for address, values in parameters.items()]
    print(f"first:  {names[0]}\nsecond: {names[1]}\n")
    print_rows(shown, ["", "first", "second", "difference"], output)
    if found["same"]:
        print("\nboth are the same report, to the last digit")
    for message in found["warnings"]:
        print(f"warning: {message}")


def _both(one: Any, two: Any) -> dict[str, Any]:
    known = isinstance(one, int | float) and isinstance(two, int | float)
    return {"first": one, "second": two, "difference": two - one if known else None}


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except OSError as exc:
        fail(f"cannot read {path}: {exc.strerror}", code=EXIT_USAGE)
    except (ValueError, RecursionError):
        fail(f"{path} is not JSON: a report comes of tw backtest run ... -o json > {path.stem}.json", code=EXIT_USAGE)
    missing = [key for key in NEEDED if not isinstance(found, dict) or key not in found]
    if missing:
        fail(f"{path} is not a report: it has no {', '.join(missing)}", code=EXIT_USAGE)
    return dict(found)


def _shown(value: Any, unit: str, *, signed: bool = False) -> str:
    if not isinstance(value, int | float):
        return "-"
    form = "+" if signed else ""
    if unit == PERCENT:
        return f"{100 * value:{form}.2f} %"
    return f"{value:{form}d}" if isinstance(value, int) else f"{value:{form}.2f}"
