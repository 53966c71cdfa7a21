"""`python -m tradewind_runner.bot`: the process of one bot.

Starts under a new epoch, trades until it is told to stop, and leaves its last words where the operator reads them.
"""

from tradewind_runner import quick_start  # isort: skip - before anything else

import asyncio
import contextlib
import gc
import logging
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.validation import parse_document
from tradewind_api.ledger import Stopped
from tradewind_api.runner import (
    EXIT_BAD_STRATEGY,
    EXIT_FENCED,
    EXIT_OK,
    BotConfig,
    StartAnswer,
    StartRequest,
    TerminationMessage,
)
from tradewind_runner import health, probes
from tradewind_runner.bot_kinds import make_bot
from tradewind_runner.bot_loop import BotLoop
from tradewind_runner.configuration import ConfigFile, ConfigurationError
from tradewind_runner.exchange import Exchange, SymbolUnknownError
from tradewind_runner.last_words import write_last_words
from tradewind_runner.lean_ccxt import UnknownExchangeError
from tradewind_runner.left_over import resend
from tradewind_runner.outbox import Outbox, OutboxFullError, outbox_path
from tradewind_runner.portal import (
    EpochUnknownError,
    FencedError,
    PortalClient,
    PortalRefusedError,
    PortalUnavailableError,
    SequenceGapError,
)
from tradewind_runner.reporter import Reporter
from tradewind_runner.settings import VERSION, RunnerSettings
from tradewind_runner.story import Changes, opening

quick_start.done()
log = logging.getLogger("tradewind.runner")
EXIT_FAILED, TURN_S = 1, 0.00002
GARBAGE = 20_000, 10, 10  # objects that stayed before somebody looks for garbage among them: a few MiB
STALE_S, FLUSH_S, WATCH_S = 120.0, 8.0, 0.5
RESTART_FIELDS = ("strategy_digest", "timeframe", "symbols", "exchange", "mode", "paper_fill", "credentials")


class UpdateReady(Exception):  # noqa: N818 - a reason to end, not an error
    """The configuration names another strategy: the next process starts with it."""


class BotProcess:
    """What main needs to tell probes and signals."""

    def __init__(self, settings: RunnerSettings) -> None:
        self.settings = settings
        self.file = ConfigFile(settings.config, BotConfig)
        self.bot: BotLoop | None = None
        self.waiting_for = "starting"
        self.stop = asyncio.Event()

    def ready(self) -> str:
        """Return an empty string, or why the bot is not ready."""
        return self.bot.progress.problem if self.bot else self.waiting_for

    def alive(self) -> bool:
        """Return whether the loop goes round; its clock is the monotonic one."""
        if self.bot is None or not self.bot.progress.went_round:
            return True
        return time.monotonic() - self.bot.progress.went_round < STALE_S

    async def run(self) -> TerminationMessage:
        """Run until told to stop; return the last words. Raises what main turns into exit codes."""
        config = self.file.read()
        log.info("%s", opening(config, VERSION))
        parse_document(config.strategy)
        exchange = Exchange(config.exchange)
        try:
            async with PortalClient(self.settings.portal_url, self.settings.token_file, ca=self.settings.portal_ca) as portal:
                answer = await self._start(portal, config)
                if answer is None:
                    # A live bot that crashed before may have left orders, which nobody has looked at: no receipt for those.
                    unlooked = config.mode == "Live"
                    return TerminationMessage(code="Stopped", message="stopped before it started", receipt=not unlooked)
                log.info("the portal gave epoch %d", answer.epoch)
                outbox = Outbox(outbox_path(self.settings.state_dir, answer.epoch))
                reporter = Reporter(portal, outbox, answer, limiter=exchange.limiter)
                health.LIVE.set(config.mode == "Live")
                try:
                    async with make_bot(config, exchange, reporter, answer) as self.bot:
                        return await self._trade(self.bot, reporter)
                finally:
                    with contextlib.suppress(OutboxFullError):
                        await outbox.on_disk()
                    outbox.close()
        finally:
            await exchange.close()

    async def _start(self, portal: PortalClient, config: BotConfig) -> StartAnswer | None:
        """Ask for an epoch until the portal gives one: a paper bot's truth is the ledger. None when told to stop meanwhile."""
        request = StartRequest(generation=config.bot.generation, strategy_digest=config.strategy_digest, runner_version=VERSION)
        pause = 0.3
        while not self.stop.is_set():
            try:
                await resend(portal, self.settings.state_dir)
                return await portal.start(request)
            except (PortalUnavailableError, PortalRefusedError) as exc:
                self.waiting_for = f"the portal does not answer: {exc}"
                log.warning("%s", self.waiting_for)
            try:
                async with asyncio.timeout(pause):  # wait_for would swallow a cancel that comes together with the event
                    await self.stop.wait()
            except TimeoutError:
                pause = min(pause * 2, 5.0)
        return None

    async def _trade(self, bot: BotLoop, reporter: Reporter) -> TerminationMessage:
        """Trade until told to stop, or until the epoch is over: that is the reason, not who stumbles over it first."""
        try:
            return await self._trade_on(bot, reporter)
        except OutboxFullError:
            if reporter.over is None:
                raise
            raise reporter.over from None

    async def _trade_on(self, bot: BotLoop, reporter: Reporter) -> TerminationMessage:
        tasks = [
            asyncio.create_task(bot.run()),
            asyncio.create_task(reporter.run(bot.trading)),
            asyncio.create_task(self._watch(bot, reporter)),
            asyncio.create_task(self.stop.wait()),
        ]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        tasks[2].cancel()
        failure = next((task.exception() for task in done if task.exception()), None)
        reason = "UpdateReady" if isinstance(failure, UpdateReady) else "Stopped"
        if failure is not None and not isinstance(failure, UpdateReady):
            await _end(*tasks)
            raise _innermost(failure)
        left = "" if reason == "UpdateReady" else await self._wind_down(bot, tasks)
        await _end(tasks[0])
        left = left or bot.in_doubt()  # what was under way when the loop ended
        bot.say(Stopped(reason=reason, message=left))
        flushed = await reporter.flush(FLUSH_S)
        await _end(*tasks)
        message = left if flushed else f"{reporter.waiting} events were not handed to the portal"
        return TerminationMessage(
            code="UpdateReady" if reason == "UpdateReady" else "Stopped", message=message, receipt=flushed and not left
        )

    async def _wind_down(self, bot: BotLoop, tasks: list[asyncio.Task[Any]]) -> str:
        """Carry out the stop policy beside the loop; if that ends meanwhile, so does everything. The rest is for the flush."""
        seconds = max(1.0, bot.config.shutdown_timeout_seconds - FLUSH_S - 2.0)
        winding = asyncio.create_task(bot.wind_down(seconds))
        await asyncio.wait([winding, tasks[0], tasks[1]], return_when=asyncio.FIRST_COMPLETED)
        if not winding.done():
            await _end(winding, *tasks)
            failure = next((task.exception() for task in tasks[:2] if not task.cancelled() and task.exception()), None)
            if failure is not None:
                raise _innermost(failure)
        return winding.result()

    async def _watch(self, bot: BotLoop, reporter: Reporter) -> None:
        """Follow the configuration: most of it acts at once, another strategy when the bot is flat, or at once if so asked."""
        pending: BotConfig | None = None
        changes = Changes()
        while True:
            await asyncio.sleep(WATCH_S)
            if (line := changes.line(bot.trading()[0])) is not None:
                log.info("%s", line)
            if reporter.close_now:
                bot.close_positions("CloseNow")
                if bot.flat():
                    reporter.closed_number = reporter.close_number
            if self.file.changed():
                try:
                    fresh = self.file.read()
                except ConfigurationError as exc:
                    log.warning("%s", exc)
                    continue
                same = all(getattr(fresh, name) == getattr(bot.config, name) for name in RESTART_FIELDS)
                pending = None if same else fresh
                kept = {name: getattr(bot.config, name) for name in RESTART_FIELDS} | {"strategy": bot.config.strategy}
                bot.update_pending = pending is not None
                bot.reconfigure(fresh if same else fresh.model_copy(update=kept))
                log.info("configuration of generation %s is in force", fresh.bot.generation)
            if pending is not None and (bot.flat() or pending.update_when == "Immediate"):
                raise UpdateReady


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _innermost(failure: BaseException) -> BaseException:
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure


async def settle_down(ready: Callable[[], bool]) -> None:
    """Make short pauses: threads take turns quickly, and once it trades nobody looks for garbage in what is there already.

    An order's intent is synced in a thread while its request is built, and a thread waits for its turn for 5 ms by default. A
    last look for garbage would take 20 ms of a loop that trades, and find little. Later ones are rare: after each 700 objects,
    as is usual, one order in seven met one on its way, and waited for it for up to 0.6 ms.
    """
    sys.setswitchinterval(TURN_S)
    while not ready():
        await asyncio.sleep(0.1)
    gc.freeze()
    gc.set_threshold(*GARBAGE)


async def main() -> int:
    """Run the process and return its exit code."""
    process = BotProcess(RunnerSettings.from_environment())
    settings = process.settings
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, process.stop.set)
    settling = asyncio.create_task(settle_down(lambda: process.bot is not None and not process.ready()))
    try:
        with probes.serve(settings.metrics_port, alive=process.alive, ready=process.ready):
            words, code = await process.run(), EXIT_OK
    except InvalidDocumentError as exc:
        words, code = TerminationMessage(code="BadStrategy", message=str(exc)), EXIT_BAD_STRATEGY
    except FencedError as exc:
        words, code = TerminationMessage(code="Fenced", message=str(exc)), EXIT_FENCED
    except (ConfigurationError, EpochUnknownError, SequenceGapError, SymbolUnknownError, UnknownExchangeError) as exc:
        words, code = TerminationMessage(code="Failed", message=str(exc)), EXIT_FAILED
    except Exception as exc:
        log.exception("the bot failed")
        words, code = TerminationMessage(code="Failed", message=f"{type(exc).__name__}: {exc}"), EXIT_FAILED
    settling.cancel()
    write_last_words(settings.termination_log, words)
    log.info("%s", words.model_dump_json(by_alias=True))
    return code


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    sys.exit(asyncio.run(main()))
