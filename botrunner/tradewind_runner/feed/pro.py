"""The WebSocket of an exchange through ccxt.pro, one object for each connection. Errors of ccxt end here.

`watch_*` gives one symbol's newest rows a call and forgets the others' between two calls, so rows are taken where ccxt has
parsed them, before anything waits; the calls only keep the subscription and tell of a broken socket. They hear of a candle a
little later than we do, so that they do not stand between its close and an order.
"""

import asyncio
from typing import Any

from tradewind_api.runner import ExchangeConfig
from tradewind_runner.exchange import ccxt_settings
from tradewind_runner.feed.candle_book import Row
from tradewind_runner.feed.stream import StreamBrokenError, Take
from tradewind_runner.lean_ccxt import new_session, streaming_class

ROWS_KEPT, LATER_S = 5, 0.02
FINAL_WORDS = frozenset({"binance"})  # exchanges whose candles say that they have ended


class ProCandleSocket:
    """Candles of some symbols in one timeframe. `markets` are parsed already: a socket asks for nothing by REST."""

    def __init__(self, config: ExchangeConfig, markets: list[dict[str, Any]], *, symbols: list[str], timeframe: str) -> None:
        self.final_words = config.ccxt_id in FINAL_WORDS
        self._pairs = [[symbol, timeframe] for symbol in symbols]
        self._session = new_session()
        self._ccxt = _listening(config.ccxt_id)(ccxt_settings(config, self._session))
        self._ccxt.options["OHLCVLimit"] = ROWS_KEPT
        self._ccxt.set_markets(markets)

    async def watch(self, take: Take) -> None:
        """Call `take` for each change, for ever. Raises StreamBrokenError."""
        from ccxt.base.errors import BaseError  # noqa: PLC0415 - only after the lean import

        self._ccxt.take_row = take
        try:
            while True:
                await self._ccxt.watch_ohlcv_for_symbols(self._pairs)
        except (BaseError, TimeoutError, OSError, ValueError, TypeError, KeyError) as exc:
            raise StreamBrokenError(f"{type(exc).__name__}: {str(exc)[:200]}") from exc

    async def close(self) -> None:
        """Close the socket."""
        await self._ccxt.close()
        await self._session.close()


class _Patient:
    """A connection of ccxt whose watchers wait for a moment."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def resolve(self, result: Any, message_hash: Any = None) -> Any:
        asyncio.get_running_loop().call_later(LATER_S, self._client.resolve, result, message_hash)
        return result


def _listening(ccxt_id: str) -> Any:
    """Return the exchange's streaming class, made to tell of each row that it parses."""
    base = streaming_class(ccxt_id)

    class Listening(base):  # type: ignore[misc, valid-type]  # ccxt has no types
        take_row: Take

        def handle_ohlcv(self, client: Any, message: Any) -> None:
            super().handle_ohlcv(_Patient(client), message)
            kline = message.get("k") if isinstance(message, dict) else None
            ended: dict[str, int] = {}
            if isinstance(kline, dict) and kline.get("x") is True:
                ended[self.safe_symbol(kline.get("s"), None, None, "spot")] = int(kline["t"])
            for symbol, by_timeframe in self.ohlcvs.items():
                for rows in by_timeframe.values():
                    self._tell(symbol, rows, ended.get(symbol))

        def _tell(self, symbol: str, rows: Any, ended: int | None) -> None:
            """Tell of what is new. The word that a candle has ended may come after the next one's first row.

            ccxt opens a socket anew beneath us while the old one speaks on: then two of them tell the same, one a little later.
            """
            known: dict[str, Row] = self.__dict__.setdefault("_told", {})
            last = known.get(symbol)
            for row in (Row(int(found[0]), *found[1:6]) for found in list(rows)[-3:]):
                final = row.ts == ended
                if final or last is None or (row.ts >= last.ts and row != last):
                    self.take_row(symbol, row, final)
                if last is None or row.ts >= last.ts:
                    known[symbol] = row

    Listening.__name__ = ccxt_id
    return Listening
