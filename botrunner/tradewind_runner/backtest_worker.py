"""`python -m tradewind_runner.backtest_worker`: the process of one backtest.

The same engine call as `tw backtest run`, on candles of the portal; so the same figures, to the last digit.
"""

import asyncio
import logging
import sys
import time
from functools import partial
from typing import Any

from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.validation import parse_document
from tradewind_api.runner import (
    EXIT_BAD_STRATEGY,
    EXIT_DATA_MISSING,
    EXIT_OK,
    BacktestConfig,
    MissingRange,
    Progress,
    ResultUpload,
    TerminationMessage,
    TrustWords,
)
from tradewind_engine.backtest.ahead_of_time import prepare
from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.candles import CandleError, Candles
from tradewind_engine.honesty.verdict import judge
from tradewind_engine.optimise.book import State
from tradewind_engine.optimise.study import NothingFoundError
from tradewind_runner.configuration import ConfigFile, ConfigurationError
from tradewind_runner.last_words import write_last_words
from tradewind_runner.optimisation import costs_of, markets_of, optimise, patiently
from tradewind_runner.portal import DataMissingError, PortalClient, PortalError
from tradewind_runner.settings import VERSION, RunnerSettings

log = logging.getLogger("tradewind.runner")
EXIT_FAILED = 1
FIGURES = (
    "totalReturn", "maxDrawdown", "sharpe", "sortino", "trades", "winRate", "profitFactor", "timeInMarket", "equityFinal",
    "trust",
)  # fmt: skip
TELL_EVERY_S = 1.0
MOST_REASONS = 8


class MissingCandlesError(Exception):
    """The platform lacks candles; an import of these ranges helps."""

    def __init__(self, missing: list[MissingRange], message: str) -> None:
        super().__init__(message)
        self.missing = missing


async def fetch(portal: PortalClient, config: BacktestConfig) -> dict[str, Candles]:
    """Return the candles of every symbol. Raises MissingCandlesError that names all ranges at once."""
    found: dict[str, Candles] = {}
    missing: list[MissingRange] = []
    message = ""
    for number, symbol in enumerate(config.dataset.symbols, start=1):
        query: dict[str, str | int] = {
            "exchange": config.dataset.exchange,
            "symbol": symbol,
            "timeframe": config.dataset.timeframe,
            "from": config.dataset.from_ms,
            "to": config.dataset.to_ms,
        }
        try:
            found[symbol] = await patiently(partial(portal.candles, query))
        except DataMissingError as exc:
            missing += exc.missing()
            message = str(exc)
        await _tell(portal, Progress(done=number, total=len(config.dataset.symbols) + 1, message=f"candles of {symbol}"))
    if missing or message:
        raise MissingCandlesError(missing, message)
    return found


class Teller:
    """Hands the state of a search from its thread to the portal, once a second at most."""

    def __init__(self, portal: PortalClient, shard: int) -> None:
        self._portal, self._shard, self._loop, self._told = portal, shard, asyncio.get_running_loop(), 0.0

    def __call__(self, part: str, state: State) -> None:
        """Tell, unless it was told just now."""
        if time.monotonic() - self._told < TELL_EVERY_S:
            return
        self._told = time.monotonic()
        best = f", best {state.best_value:.4g} at {state.best}" if state.best else ""
        message = f"{part}: {state.done} of {state.planned} points{best}"[:200]
        progress = Progress(done=state.done, total=state.planned, message=message, shard=self._shard)
        asyncio.run_coroutine_threadsafe(_tell(self._portal, progress), self._loop)


def run(config: BacktestConfig, candles: dict[str, Candles]) -> dict[str, Any]:
    """Return the report of a configured run, with the verdict on it."""
    document, costs = parse_document(config.strategy), costs_of(config)
    timeframe, capital, exchange = config.dataset.timeframe, float(config.capital.amount), config.dataset.exchange
    report = run_backtest(
        document,
        candles,
        timeframe=timeframe,
        exchange=exchange,
        capital=capital,
        costs=costs,
        markets=markets_of(config),
    )
    return report.to_json() | judge(report).to_json()


def opening(config: BacktestConfig) -> str:
    """Return the first line of a back-test's pod: whose it is, and what is asked."""
    one, data = config.backtest, config.dataset
    asked = "back-test" if config.optimization is None else f"optimisation in {config.optimization.shards} shards"
    return (
        f"runner {VERSION}: {asked} {one.namespace}/{one.name} of {one.tenant}: {' '.join(data.symbols)} {data.timeframe}"
        f" of {data.exchange}, {day(data.from_ms)} to {day(data.to_ms)}"
    )


def day(ms: int) -> str:
    """Return a UTC time to the minute."""
    return time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(ms / 1000))


async def work(settings: RunnerSettings) -> TerminationMessage:
    """Do the whole of it and return the last words."""
    config = ConfigFile(settings.config, BacktestConfig).read()
    log.info("%s", opening(config))
    parse_document(config.strategy)
    async with PortalClient(settings.portal_url, settings.token_file, ca=settings.portal_ca) as portal:
        candles = await fetch(portal, config)
        log.info("candles are there: %s", ", ".join(f"{len(found.ts)} of {name}" for name, found in candles.items()))
        prepare()
        if config.optimization is None:
            body = await asyncio.to_thread(run, config, candles)
        else:
            shards = config.optimization.shards
            teller = Teller(portal, settings.shard)
            found = await optimise(portal, config, candles, shard=settings.shard, threads=settings.cpus, tell=teller)
            if found is None:
                message = f"shard {settings.shard + 1} of {shards} is done; the last one puts all together"
                return TerminationMessage(code="Succeeded", message=message)
            body = found
        upload = ResultUpload(report_digest=body["reportDigest"], report=body)
        stored = await patiently(lambda: portal.result(upload))
    summary = {name: _text(body.get(name)) for name in FIGURES}
    reasons = trust_words(body.get("trustReasons", []))
    return TerminationMessage(code="Succeeded", receipt=True, result=stored, summary=summary, trust_reasons=reasons)


def trust_words(reasons: list[dict[str, Any]]) -> list[TrustWords]:
    """Return the gravest reasons of a verdict, as many as a status holds, in the order low, doubtful."""
    gravest = sorted(reasons, key=lambda reason: str(reason["level"]) != "low")
    return [TrustWords(code=one["code"], level=one["level"], message=one["message"][:300]) for one in gravest[:MOST_REASONS]]


async def _tell(portal: PortalClient, progress: Progress) -> None:
    try:
        await portal.progress(progress)
    except PortalError as exc:
        log.info("progress was not taken: %s", exc)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6f}"
    return "" if value is None else str(value)


async def main() -> int:
    """Run the process and return its exit code: 64 for a bad strategy, 65 for missing candles, 1 for what may pass."""
    settings = RunnerSettings.from_environment()
    try:
        words, code = await work(settings), EXIT_OK
    except InvalidDocumentError as exc:
        words, code = TerminationMessage(code="BadStrategy", message=str(exc)), EXIT_BAD_STRATEGY
    except MissingCandlesError as exc:
        words, code = TerminationMessage(code="DataMissing", message=str(exc), missing=exc.missing), EXIT_DATA_MISSING
    except NothingFoundError as exc:
        words, code = TerminationMessage(code="BadStrategy", message=str(exc)), EXIT_BAD_STRATEGY
    except (CandleError, ValueError) as exc:
        words, code = TerminationMessage(code="DataMissing", message=str(exc)), EXIT_DATA_MISSING
    except (PortalError, ConfigurationError) as exc:
        words, code = TerminationMessage(code="Failed", message=str(exc)), EXIT_FAILED
    write_last_words(settings.termination_log, words)
    log.info("%s", words.model_dump_json(by_alias=True))
    return code


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    sys.exit(asyncio.run(main()))
