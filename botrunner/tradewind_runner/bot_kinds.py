"""Which bot a configuration asks for, put together: on paper candle by candle, or with orders at a broker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tradewind_api.document.validation import lookback_of, parse_document
from tradewind_api.runner import BotConfig, StartAnswer
from tradewind_runner.bot_loop import BotLoop
from tradewind_runner.configuration import ConfigurationError
from tradewind_runner.exchange import Exchange
from tradewind_runner.feed.port import Feed
from tradewind_runner.feed.rest import RestFeed
from tradewind_runner.paper_bot import PaperBot
from tradewind_runner.reporter import Reporter


@asynccontextmanager
async def make_bot(config: BotConfig, exchange: Exchange, reporter: Reporter, answer: StartAnswer) -> AsyncIterator[BotLoop]:
    """Yield the bot, and let go of its connections after it. Raises ConfigurationError.

    What only one kind needs is imported only by it: a bot that fills by candle loads no WebSocket.
    """
    if config.mode == "Paper" and config.paper_fill == "Candle":
        yield PaperBot(config, exchange, reporter, answer)
        return
    symbols = sorted({*config.symbols, *answer.state.positions})
    if config.mode == "Paper":
        async with _book_bot(config, exchange, reporter, answer, symbols) as bot:
            yield bot
        return
    if answer.credential is None:
        raise ConfigurationError("a live bot needs an exchange key, and the portal handed out none: name one in credentials")
    from tradewind_runner.brokers.ccxt import CcxtBroker  # noqa: PLC0415 - see above
    from tradewind_runner.order_bot import OrderBot  # noqa: PLC0415 - see above

    try:
        broker = CcxtBroker(config.exchange, answer.credential, symbols, clock=exchange.clock, limiter=exchange.limiter)
    except ValueError as exc:
        raise ConfigurationError(str(exc)) from exc
    try:
        yield OrderBot(config, exchange, reporter, answer, feed=make_feed(config, exchange, symbols), broker=broker)
    finally:
        await broker.close()


@asynccontextmanager
async def _book_bot(
    config: BotConfig, exchange: Exchange, reporter: Reporter, answer: StartAnswer, symbols: list[str]
) -> AsyncIterator[BotLoop]:
    """Yield a paper bot whose orders are matched in the market's own book."""
    if not config.exchange.streams:
        raise ConfigurationError("paperFill Book needs the exchange's WebSocket, and its endpoint has none; use Candle")
    from tradewind_runner.book_paper import BookPaper  # noqa: PLC0415 - see above
    from tradewind_runner.feed.tape import unwatchable  # noqa: PLC0415 - see above
    from tradewind_runner.order_bot import OrderBot  # noqa: PLC0415 - see above

    if missing := await unwatchable(config.exchange):
        found = f"paperFill Book needs the {' and '.join(missing)} of {config.exchange.name} as a stream"
        raise ConfigurationError(f"{found}, which ccxt does not have; use Candle")
    broker = BookPaper(config.exchange, exchange, markets=lambda: bot.markets, state=lambda: bot.state)
    feed = make_feed(config, exchange, symbols)
    bot = OrderBot(config, exchange, reporter, answer, feed=feed, broker=broker, books=broker.problem)
    try:
        yield bot
    finally:
        await broker.close()


def make_feed(config: BotConfig, exchange: Exchange, symbols: list[str]) -> Feed:
    """Return the market data of a configuration: by WebSocket, unless a made-up exchange has none."""
    lookback = lookback_of(parse_document(config.strategy))
    rest = RestFeed(exchange, config.timeframe, lookback)
    if not config.exchange.streams:
        return rest
    from tradewind_runner.feed.pro import FINAL_WORDS, ProCandleSocket  # noqa: PLC0415 - see above
    from tradewind_runner.feed.stream import StreamFeed  # noqa: PLC0415 - see above

    def open_socket() -> ProCandleSocket:
        markets = exchange.parsed_markets()
        known = [symbol for symbol in symbols if any(market["symbol"] == symbol for market in markets)]
        return ProCandleSocket(config.exchange, markets, symbols=known, timeframe=config.timeframe)

    return StreamFeed(
        open_socket,
        rest,
        exchange.clock,
        symbols=symbols,
        timeframe=config.timeframe,
        lookback=lookback,
        final_words=config.exchange.ccxt_id in FINAL_WORDS,
    )
