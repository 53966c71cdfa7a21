"""A portal on virtual time that keeps epochs and events, as the real one does; each answer may be lost after it was meant."""

import asyncio
from collections.abc import Callable

from chaos import Chaos

from tradewind_api.fold import fold
from tradewind_api.ledger import LedgerEvent, LedgerState
from tradewind_api.runner import EventAnswer, EventBatch, LeaseAnswer, LeaseRequest, StartAnswer, StartRequest
from tradewind_runner.portal import EpochUnknownError, FencedError, PortalUnavailableError, SequenceGapError


class Portal:
    """`began` holds when each epoch began, in the loop's seconds; `intended` the orders that stand in the ledger."""

    def __init__(self, chaos: Chaos) -> None:
        self.chaos = chaos
        self.events: list[LedgerEvent] = []
        self.acknowledged: dict[int, int] = {}
        self.intended: set[str] = set()
        self.began: dict[int, float] = {}
        self.state, self.epoch = LedgerState(), 0
        self.kill: list[str] = []
        self._away = 0.0

    async def start(self, _: StartRequest) -> StartAnswer:
        await self._call("start")
        self.epoch += 1
        self.began[self.epoch] = asyncio.get_running_loop().time()
        answer = StartAnswer(epoch=self.epoch, lease_seconds=900, state=self.state, kill=self.kill)
        return await self._answered("start", answer)

    async def take(self, batch: EventBatch) -> EventAnswer:
        await self._call("events")
        self._check(batch.epoch)
        known = self.acknowledged.get(batch.epoch, 0)
        fresh = [item for item in batch.events if item.seq > known]
        if fresh and fresh[0].seq != known + 1:
            raise SequenceGapError("SequenceGap", f"{known + 1} is next", {})
        if fresh:
            self.state = fold(fresh, self.state)
            self.events += fresh
            self.intended.update(str(item.data["clientOrderId"]) for item in fresh if item.type == "Intended")
            self.acknowledged[batch.epoch] = fresh[-1].seq
        seq = self.acknowledged.get(batch.epoch, 0)
        return await self._answered("events", EventAnswer(acknowledged_seq=seq, lease_seconds=900, kill=self.kill))

    async def lease(self, request: LeaseRequest) -> LeaseAnswer:
        await self._call("lease")
        self._check(request.epoch)
        if self.chaos.happens("kill-switch", 0.003):
            self.kill = ["bot"]
        elif self.kill and self.chaos.draw("released") < 0.1:
            self.kill = []
        return await self._answered("lease", LeaseAnswer(lease_seconds=900, kill=self.kill))

    def _check(self, epoch: int) -> None:
        if epoch < self.epoch:
            raise FencedError("Fenced", f"epoch {self.epoch} is in force", {})
        if epoch > self.epoch:
            raise EpochUnknownError("EpochUnknown", "start again", {})

    async def _call(self, what: str) -> None:
        await asyncio.sleep(0.01)
        now = asyncio.get_running_loop().time()
        if self.chaos.happens(f"portal-{what}-away", 0.01):
            self._away = now + 120 * self.chaos.draw("away")
        if now < self._away and not self.chaos.quiet:
            raise PortalUnavailableError("502")

    async def _answered(self, what: str, answer):
        await asyncio.sleep(0.01)
        if self.chaos.happens(f"portal-{what}-lost", 0.04):
            raise PortalUnavailableError("the answer was lost")
        return answer


class PortalClient:
    """What one pod holds of it. `fenced`: it was told that a younger one is there. `cut_off`: nothing reaches the portal."""

    def __init__(self, portal: Portal, cut_off: Callable[[], bool]) -> None:
        self.portal, self.fenced, self.cut_off = portal, False, cut_off

    async def start(self, request: StartRequest) -> StartAnswer:
        """Begin an epoch."""
        answer = await self._ask(self.portal.start, request)
        self.fenced = False  # what it was told before was about what an earlier pod had left on its disk
        return answer

    async def events(self, batch: EventBatch) -> EventAnswer:
        """Hand in events."""
        return await self._ask(self.portal.take, batch)

    async def lease(self, request: LeaseRequest) -> LeaseAnswer:
        """Renew the lease."""
        return await self._ask(self.portal.lease, request)

    async def _ask(self, what, request):
        if self.cut_off():
            await asyncio.sleep(0.5)
            raise PortalUnavailableError("no route to it")
        try:
            return await what(request)
        except FencedError:
            self.fenced = True
            raise
