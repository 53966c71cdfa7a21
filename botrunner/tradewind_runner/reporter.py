"""Sends the outbox to the portal: in order, at least once, until acknowledged. Keeps the lease alive."""

import asyncio
import logging
from collections.abc import Callable

from tradewind_api.ledger import LedgerEvent
from tradewind_api.runner import EVENTS_PER_BATCH, EventBatch, LeaseRequest, StartAnswer
from tradewind_engine.trading.standing import Standing
from tradewind_runner.brokers.limiter import Limiter
from tradewind_runner.outbox import Outbox, OutboxFullError
from tradewind_runner.portal import (
    EpochUnknownError,
    FencedError,
    PortalClient,
    PortalRefusedError,
    PortalUnavailableError,
    SequenceGapError,
)

log = logging.getLogger("tradewind.runner")
HEARTBEAT_S, PAUSE_S, PAUSE_MOST_S = 15.0, 0.2, 5.0


class Reporter:
    """One per epoch. `kill` names the kill switches that are on; entries stop while there is one.

    `limiter` is of the bot's exchange: silence that it keeps is told, and silence that another bot was told of is kept.
    """

    def __init__(self, portal: PortalClient, outbox: Outbox, start: StartAnswer, *, limiter: Limiter | None = None) -> None:
        self.kill: list[str] = list(start.kill)
        self.close_now = False
        self.close_number = self.closed_number = 0
        self.over: PortalRefusedError | None = None  # why nothing of this epoch is taken any more
        self.acknowledged = 0
        self._portal, self._outbox, self._epoch = portal, outbox, start.epoch
        self._more = asyncio.Event()
        self._lease_until = asyncio.get_running_loop().time() + start.lease_seconds
        self._limiter = limiter or Limiter()
        self._limiter.be_quiet(start.exchange_silence_s)

    def put(self, group: list[LedgerEvent]) -> None:
        """Keep a group and have it sent. Raises OutboxFullError; also when this epoch is over.

        An intent is on its way to the disk at once, for an order waits for it.
        """
        if self.over is not None:
            raise OutboxFullError(str(self.over))
        self._outbox.append(group)
        self._outbox.sync_soon(now=any(entry.type == "Intended" for entry in group))
        self._more.set()

    async def on_disk(self) -> None:
        """Return when all that was put until now is on the disk. Raises OutboxFullError."""
        await self._outbox.on_disk()

    def hold(self, group: list[LedgerEvent]) -> bool:
        """Keep a group in memory and have it sent; return whether it could be."""
        if self.over is not None or not self._outbox.hold(group):
            return False
        self._more.set()
        return True

    def lease_ended(self) -> bool:
        """Return whether the portal has not renewed the lease in time, or has renewed it for no time at all."""
        return asyncio.get_running_loop().time() >= self._lease_until

    @property
    def waiting(self) -> int:
        """How many events the portal has not acknowledged."""
        return self._outbox.events

    async def run(self, trading: Callable[[], tuple[Standing, int]]) -> None:
        """Send and renew for ever. Raises FencedError, EpochUnknownError or SequenceGapError when this epoch is over."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._send())
            tasks.create_task(self._renew(trading))

    async def flush(self, seconds: float) -> bool:
        """Wait until all is acknowledged; return whether it is."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self._outbox.events and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.05)
        return not self._outbox.events

    async def _send(self) -> None:
        pause = PAUSE_S
        while True:
            if not self._outbox.events:
                self._more.clear()
                await self._more.wait()
            try:
                batch = EventBatch(epoch=self._epoch, events=self._outbox.batch(EVENTS_PER_BATCH))
                answer = await self._portal.events(batch)
            except (FencedError, EpochUnknownError, SequenceGapError) as exc:
                self.over = exc  # from this moment on nothing is written down, and so nothing is sent
                raise
            except (PortalUnavailableError, PortalRefusedError) as exc:
                log.warning("events wait: %s", exc)
                await asyncio.sleep(pause)
                pause = min(pause * 2, PAUSE_MOST_S)
                continue
            pause = PAUSE_S
            self.kill = list(answer.kill)
            self.acknowledged = answer.acknowledged_seq
            self._outbox.acknowledge(answer.acknowledged_seq)

    async def _renew(self, trading: Callable[[], tuple[Standing, int]]) -> None:
        while True:
            found, last_candle_ms = trading()
            request = LeaseRequest(
                epoch=self._epoch,
                trading=found.state == "Active",
                state=found.state,
                reasons=[reason[:300] for reason in found.reasons[:12]],
                unacknowledged_events=self._outbox.events,
                last_candle_ms=last_candle_ms or None,
                closed_number=self.closed_number,
                exchange_silence_s=self._limiter.silent_s,
            )
            asked = asyncio.get_running_loop().time()
            try:
                answer = await self._portal.lease(request)
                self.kill, self.close_now = list(answer.kill), answer.close_now
                self.close_number, self._lease_until = answer.close_number, asked + answer.lease_seconds
                self._limiter.be_quiet(answer.exchange_silence_s)
            except (FencedError, EpochUnknownError) as exc:
                self.over = exc
                raise
            except (PortalUnavailableError, PortalRefusedError) as exc:
                log.warning("lease not renewed: %s", exc)
            await asyncio.sleep(HEARTBEAT_S)
