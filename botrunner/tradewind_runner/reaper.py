"""`python -m tradewind_runner.reaper`: cancels what a live bot left open, when its pod is gone without a receipt.

It is the bot under another program: same account, same configuration. Its start takes a new epoch, so that a pod which still
runs somewhere is fenced, and brings the exchange key. It waits for portal and exchange as long as it takes, cancels every
open order whose id begins with the bot's own, looks again, and leaves the receipt that the pod did not leave. It places
nothing: what the bot holds stays, and the receipt says so.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TypeVar

from tradewind_api.ledger import LedgerState, Stopped, event
from tradewind_api.runner import (
    EXIT_OK,
    BotConfig,
    EventBatch,
    StartAnswer,
    StartRequest,
    TerminationMessage,
)
from tradewind_engine.trading.identity import bot_prefix, cancel_id
from tradewind_runner.brokers.ccxt import CcxtBroker
from tradewind_runner.brokers.errors import BrokerError, ExchangeUnavailableError, OutcomeUnknownError, RateLimitedError
from tradewind_runner.brokers.port import Broker
from tradewind_runner.configuration import ConfigFile, ConfigurationError
from tradewind_runner.exchange_clock import ExchangeClock
from tradewind_runner.last_words import write_last_words
from tradewind_runner.portal import PortalClient, PortalError, PortalRefusedError, PortalUnavailableError
from tradewind_runner.settings import VERSION, RunnerSettings

log = logging.getLogger("tradewind.runner")
EXIT_FAILED = 1
SETTLE_S = 5.0  # an order that was on its way when the pod died is in the book by then
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
Found = TypeVar("Found")
WAIT = (ExchangeUnavailableError, OutcomeUnknownError)


class NoKeyError(Exception):
    """The portal does not give the key: only a person can help."""


async def reap(broker: Broker, bot_uid: str, symbols: Iterable[str], *, epoch: int) -> set[str]:
    """Cancel the bot's own open orders of `symbols` until none is there, twice in a row; return their ids.

    Under ids of its own epoch: a pod that still runs somewhere sees them, and places nothing anew.

    Raises:
        BrokerError: CredentialsRefusedError or ForbiddenError: waiting is of no use.
    """
    cancelled: set[str] = set()
    for symbol in sorted(symbols):
        clean = 0
        while clean < 2:
            ours = await patiently(partial(_open, broker, symbol, bot_prefix(bot_uid)))
            for order in sorted(ours):
                await patiently(partial(broker.cancel, symbol, order, by=cancel_id(order, epoch)))
            cancelled |= ours
            clean = 0 if ours else clean + 1
            if clean < 2:
                await asyncio.sleep(SETTLE_S)
    return cancelled


def symbols_of(config: BotConfig, state: LedgerState) -> set[str]:
    """Return where the bot may have orders: what it trades, what it holds, what it has asked for."""
    intents = [*state.open_intents.values(), *state.doubtful.values()]
    return {*config.symbols, *state.positions, *(intent.symbol for intent in intents)}


async def run(settings: RunnerSettings) -> TerminationMessage:
    """Take the key, cancel, say so. Raises NoKeyError, BrokerError and ConfigurationError."""
    config = ConfigFile(settings.config, BotConfig).read()
    async with PortalClient(settings.portal_url, settings.token_file, ca=settings.portal_ca) as portal:
        answer = await _start(portal, config)
        if answer.credential is None:
            raise NoKeyError("the portal gave no exchange key: is the bot live?")
        symbols = sorted(symbols_of(config, answer.state))
        broker = CcxtBroker(config.exchange, answer.credential, symbols, clock=ExchangeClock(config.exchange.clock_speed))
        try:
            await patiently(broker.connect)
            cancelled = await reap(broker, config.bot.uid, symbols, epoch=answer.epoch)
        finally:
            await broker.close()
        message = f"the reaper cancelled {len(cancelled)} open orders{_held(answer.state)}"
        await _tell(portal, config.bot.uid, answer, message)
    return TerminationMessage(code="Stopped", message=message, receipt=True)


def main() -> int:
    """Run, write the last words, and return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    settings = RunnerSettings.from_environment()
    try:
        words, code = asyncio.run(run(settings)), EXIT_OK
    except (NoKeyError, BrokerError, ConfigurationError, PortalError) as exc:
        words, code = TerminationMessage(code="Failed", message=str(exc)), EXIT_FAILED
    log.info("%s", words.message)
    write_last_words(settings.termination_log, words)
    return code


async def _open(broker: Broker, symbol: str, prefix: str) -> set[str]:
    return {order.client_order_id for order in await broker.open_orders(symbol) if order.client_order_id.startswith(prefix)}


async def patiently(ask: Callable[[], Awaitable[Found]]) -> Found:
    """Return the answer, asking again as long as the exchange does not answer; no question of ours does anything twice."""
    pause = FIRST_PAUSE_S
    while True:
        try:
            return await ask()
        except WAIT as exc:
            log.warning("the exchange does not answer: %s", exc)
            await asyncio.sleep(exc.retry_after_s if isinstance(exc, RateLimitedError) else pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)


async def _start(portal: PortalClient, config: BotConfig) -> StartAnswer:
    request = StartRequest(generation=config.bot.generation, strategy_digest=config.strategy_digest, runner_version=VERSION)
    pause = FIRST_PAUSE_S
    while True:
        try:
            return await portal.start(request)
        except PortalUnavailableError as exc:
            log.warning("the portal does not answer: %s", exc)
        except PortalRefusedError as exc:
            raise NoKeyError(str(exc)) from exc
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_S)


async def _tell(portal: PortalClient, bot_uid: str, answer: StartAnswer, message: str) -> None:
    """Write it into the ledger too; the receipt counts without."""
    last_words = Stopped(reason="Reaped", message=message)
    told = event(bot_uid, answer.epoch, seq=1, at_ms=answer.state.last_event_ms, data=last_words)
    try:
        await portal.events(EventBatch(epoch=answer.epoch, events=[told]))
    except PortalError as exc:
        log.warning("the ledger was not told: %s", exc)


def _held(state: LedgerState) -> str:
    held = ", ".join(sorted(state.positions))
    return f"; it still holds {held}: selling is for its owner" if held else ""


if __name__ == "__main__":
    sys.exit(main())
