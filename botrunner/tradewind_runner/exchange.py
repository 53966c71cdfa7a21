"""The market side of an exchange through ccxt: time, candles, market rules. Errors of ccxt end here.

Orders go out from the same address, so the limiter is theirs too: who is told to be quiet is quiet for both.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import aiohttp
import numpy as np

from tradewind_api.runner import ExchangeConfig
from tradewind_engine.candles import CandleError, Candles, check_candles
from tradewind_engine.trading.orders import possible
from tradewind_runner.brokers.classify import Answer, retry_after_s
from tradewind_runner.brokers.errors import ExchangeUnavailableError
from tradewind_runner.brokers.limiter import Limiter
from tradewind_runner.exchange_clock import ExchangeClock
from tradewind_runner.lean_ccxt import connected_by, exchange_class, new_session

PAGE = 1000
LATEST_MS = 4_102_444_800_000  # the year 2100
CLOCK_QUESTIONS = 3
SILENCE_WANTED = frozenset({418, 429})
ASK_BY_SYMBOL = frozenset({"binance", "binanceus"})
COUNTED = frozenset({"binance", "binanceus"})
"""Exchanges whose answers say what has been used up: our limiter reads it. Whatever there is left, ccxt's would hold back the
second question of a start for 0.15 s.
"""


class SymbolUnknownError(Exception):
    """The exchange does not trade this symbol; the owner must change the bot."""


@dataclass(frozen=True, slots=True)
class Market:
    """Rules of a symbol: smallest step of the amount, smallest order in quote; `active` while it is traded."""

    symbol: str
    amount_step: Decimal
    min_notional: Decimal
    active: bool
    price_tick: Decimal = Decimal(0)


def ccxt_settings(config: ExchangeConfig, session: aiohttp.ClientSession) -> dict[str, Any]:
    """Return what every ccxt object of this exchange is made with: spot alone, its end points, nothing that wants a key."""
    options: dict[str, Any] = {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}
    settings: dict[str, Any] = {"options": options, "timeout": 10_000, "enableRateLimit": True, **connected_by(session)}
    if config.endpoint is not None:
        api = f"{config.endpoint.rest.rstrip('/')}/api/v3"
        settings["urls"] = {"api": {"public": api, "private": api, "v1": api}}
        if config.endpoint.ws is not None:
            ws = config.endpoint.ws.rstrip("/")
            settings["urls"]["api"]["ws"] = {"spot": f"{ws}/ws", "ws-api": {"spot": f"{ws}/ws-api/v3"}}
    return settings


def _lean_on_markets(base: Any, limiter: Limiter) -> Any:
    """Return the class, made to parse only the markets that were asked for, and to listen when the exchange wants silence."""

    class Lean(base):  # type: ignore[misc]  # ccxt has no types
        wanted_markets: frozenset[str] = frozenset()

        def handle_errors(self, status: int, reason: str, url: str, method: str, headers: Any, body: Any, *rest: Any) -> Any:
            named = {str(name).lower(): str(value) for name, value in headers.items()}
            limiter.told(named)
            if status in SILENCE_WANTED:
                limiter.be_quiet(retry_after_s(Answer(status, named)))
            return super().handle_errors(status, reason, url, method, headers, body, *rest)

        def parse_markets(self, markets: Any) -> Any:
            ids = {symbol.replace("/", "") for symbol in self.wanted_markets}
            return super().parse_markets(
                [raw for raw in markets if not ids or not isinstance(raw, dict) or _is_one_of(raw, ids)]
            )

    Lean.__name__ = base.__name__
    return Lean


def _is_one_of(raw: dict[str, Any], ids: set[str]) -> bool:
    """Return whether any name of an unparsed market is one of `ids`, however the exchange separates base and quote."""
    return any("".join(filter(str.isalnum, value)).upper() in ids for value in raw.values() if isinstance(value, str))


class Exchange:
    """One exchange, public data only. `clock` and `limiter` are for whoever asks the same exchange for more."""

    def __init__(self, config: ExchangeConfig, *, clock: ExchangeClock | None = None, limiter: Limiter | None = None) -> None:
        self.clock, self.limiter = clock or ExchangeClock(config.clock_speed), limiter or Limiter()
        self._session = new_session()
        settings = ccxt_settings(config, self._session) | {"enableRateLimit": config.ccxt_id not in COUNTED}
        self._ccxt = _lean_on_markets(exchange_class(config.ccxt_id), self.limiter)(settings)
        self._asks_by_symbol = config.ccxt_id in ASK_BY_SYMBOL

    async def close(self) -> None:
        """Close the connections."""
        await self._ccxt.close()
        await self._session.close()

    async def connect(self, symbols: list[str], *, held: Iterable[str] = ()) -> dict[str, Market]:
        """Return the rules of the symbols, and of those held that are still traded. Raises SymbolUnknownError."""
        wanted = {*symbols, *held}
        await self._load_markets(wanted)
        for _ in range(CLOCK_QUESTIONS):  # the first one carries the connection's beginning with it
            await self.sync_clock()
        missing = [symbol for symbol in symbols if symbol not in self._ccxt.markets]
        if missing:
            raise SymbolUnknownError(f"the exchange does not trade {', '.join(missing)}")
        return {symbol: _market(self._ccxt.markets[symbol]) for symbol in sorted(wanted) if symbol in self._ccxt.markets}

    def parsed_markets(self) -> list[dict[str, Any]]:
        """Return the markets as ccxt has parsed them, for other objects of the same exchange."""
        return list(self._ccxt.markets.values())

    async def _load_markets(self, wanted: set[str]) -> None:
        """Have only the wanted markets parsed, and sent where the exchange can be asked so: thousands cost 50 MiB."""
        self._ccxt.wanted_markets = frozenset(wanted)
        ids = json.dumps([symbol.replace("/", "") for symbol in sorted(wanted)], separators=(",", ":"))
        try:
            await self._call(self._ccxt.load_markets, True, {"symbols": ids} if self._asks_by_symbol else {})
        except ExchangeUnavailableError as exc:
            if not exc.args[0].startswith("BadSymbol"):
                raise
            await self._call(self._ccxt.load_markets, True)

    async def sync_clock(self) -> None:
        """Ask the exchange for its time."""
        asked = self.clock.reading()
        answer = await self._call(self._ccxt.fetch_time)
        if not isinstance(answer, int) or not 0 < answer < LATEST_MS:
            raise ExchangeUnavailableError(f"the exchange's time cannot be {answer!r:.40}")
        self.clock.sync(float(answer), asked=asked, answered=self.clock.reading())

    async def candles(self, symbol: str, timeframe: str, *, since_ms: int, count: int) -> Candles:
        """Return candles that open at `since_ms` or later, at most about `count`, the unfinished newest one among them."""
        rows: list[list[float]] = []
        since = since_ms
        while len(rows) < count:
            known = len(rows)
            size = min(PAGE, count - known + bool(rows))
            page = await self._call(self._ccxt.fetch_ohlcv, symbol, timeframe, since, size)
            try:
                if page and rows and page[0][0] == rows[-1][0]:
                    rows.pop()  # it may have been running at the time of the page before
                rows.extend(row for row in page if not rows or row[0] > rows[-1][0])
                since = int(page[-1][0]) if page else since
            except (TypeError, ValueError, LookupError) as exc:
                raise ExchangeUnavailableError(f"{symbol}: the exchange sent candles that cannot be: {exc}") from exc
            if len(page) < size or len(rows) == known:
                break
        if not rows:
            return Candles(np.empty(0, dtype=np.int64), *(np.empty(0) for _ in range(5)))
        try:
            table = np.array(rows, dtype=np.float64)
            candles = Candles(table[:, 0].astype(np.int64), *(np.ascontiguousarray(table[:, i]) for i in range(1, 6)))
            check_candles(candles)
        except (CandleError, ValueError, TypeError) as exc:
            raise ExchangeUnavailableError(f"{symbol}: the exchange sent candles that cannot be: {exc}") from exc
        return candles

    async def _call(self, method: Any, *arguments: Any) -> Any:
        from ccxt.base.errors import BaseError  # noqa: PLC0415 - only after the lean import

        await self.limiter.turn()
        try:
            return await method(*arguments)
        except (BaseError, TimeoutError, OSError, ValueError, TypeError, KeyError) as exc:
            raise ExchangeUnavailableError(f"{type(exc).__name__}: {str(exc)[:300]}") from exc


def _market(raw: dict[str, Any]) -> Market:
    step, tick = raw["precision"].get("amount") or 1e-8, raw["precision"].get("price") or 0
    least = (raw["limits"].get("cost") or {}).get("min") or 0
    step, least, tick = (Decimal(repr(float(number))) for number in (step, least, tick))
    if not (possible(step) and possible(least) and possible(tick)):
        told = f"steps of {step} and {tick}, orders of {least} or more"
        raise ExchangeUnavailableError(f"{raw['symbol']}: no market can have {told}"[:200])
    return Market(raw["symbol"], step, least, bool(raw.get("active", True)), tick)
