"""The gate before a bot trades: nothing is bought until ledger and exchange tell the same story.

Orders of ours that the ledger has not heard of are adopted, whatever is open or in doubt is settled, and what is held is
compared. What the exchange does not hold any more is taken out of the ledger, in an event that says so; a loss beyond the
tolerance halts the bot for a person, in the same group of events, so that a restart does not forget it. Others' orders and
amounts are left alone.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from tradewind_api.ledger import EventData, Halted, LedgerState
from tradewind_engine.trading.reconcile import Balances, compare_balances
from tradewind_engine.trading.rounding import MarketRules
from tradewind_runner.brokers.errors import (
    CredentialsRefusedError,
    ExchangeUnavailableError,
    ForbiddenError,
    OutcomeUnknownError,
    refusal,
)
from tradewind_runner.brokers.port import Broker
from tradewind_runner.order_desk import OrderDesk

log = logging.getLogger("tradewind.runner")
OVERLAP_MS, FIRST_LOOK_MS = 600_000, 7 * 86_400_000
PAUSE_S, PAUSE_MOST_S = 0.5, 15.0


@dataclass(frozen=True, slots=True)
class Passage:
    """What came of it. `differences` are sentences for the trader; `blocked` is why nothing may be bought, None if it may."""

    differences: tuple[str, ...] = ()
    blocked: str | None = None


class Gate:
    """Of one bot under one epoch. `problem` says what is being waited for, empty when nothing is."""

    def __init__(
        self,
        broker: Broker,
        desk: OrderDesk,
        book: Callable[[list[EventData]], None],
        state: Callable[[], LedgerState],
        now_ms: Callable[[], float],
    ) -> None:
        self.problem = ""
        self._broker, self._desk, self._book, self._state, self._now = broker, desk, book, state, now_ms

    async def pass_through(
        self,
        symbols: Iterable[str],
        rules: Mapping[str, MarketRules],
        prices: Mapping[str, Decimal],
        *,
        tolerance_percent: Decimal = Decimal(1),
    ) -> Passage:
        """Reconcile, waiting for an exchange that is away. Raises OutboxFullError when the ledger takes nothing."""
        state = self._state()
        wanted = {
            *symbols,
            *state.positions,
            *(item.symbol for item in (*state.open_intents.values(), *state.doubtful.values())),
        }
        since = state.last_event_ms - OVERLAP_MS if state.last_event_ms else int(self._now()) - FIRST_LOOK_MS
        self._desk.watch(wanted, since)
        pause = PAUSE_S
        while True:
            try:
                found = await self._compare(wanted, max(0, since), rules, prices, tolerance_percent)
            except (CredentialsRefusedError, ForbiddenError) as exc:
                self.problem = ""
                return Passage(blocked=refusal(exc))
            except (ExchangeUnavailableError, OutcomeUnknownError) as exc:
                self.problem = f"the exchange cannot be asked what it has: {exc}"
                log.warning("%s", self.problem)
                await asyncio.sleep(max(pause, getattr(exc, "retry_after_s", 0.0)))
                pause = min(pause * 2, PAUSE_MOST_S)
            else:
                self.problem = ""
                return Passage(blocked=self._desk.halted) if found is None else self._passed(found)

    async def _adopt(self, symbol: str, since: int) -> None:
        for seen in (*await self._broker.orders(symbol, since_ms=since), *await self._broker.open_orders(symbol)):
            self._desk.seen(seen)

    async def _compare(
        self,
        wanted: Iterable[str],
        since: int,
        rules: Mapping[str, MarketRules],
        prices: Mapping[str, Decimal],
        tolerance_percent: Decimal,
    ) -> Balances | None:
        """Return the comparison with everything settled; None when the desk has halted.

        A difference counts when it is there twice and orders were listed between: one may be filled between two questions, and
        a pod that was taken for dead may have sold.
        """
        before: Balances | None = None
        while True:
            self.problem = "orders are being looked up"
            for symbol in sorted(wanted):
                await self._adopt(symbol, since)
            await self._desk.settle()
            if self._desk.halted is not None:
                return None
            totals = (await self._broker.balances()).total
            found = compare_balances(self._state(), totals, rules, prices, tolerance_percent=tolerance_percent)
            if not found.adjustments or (before is not None and found.adjustments == before.adjustments):
                return found
            before = found

    def _passed(self, found: Balances) -> Passage:
        events: list[EventData] = list(found.adjustments)
        beyond = "; ".join(str(item) for item in found.beyond_tolerance)
        if beyond:
            message = f"{beyond}. The ledger follows the exchange; edit the bot to let it buy again."
            events.append(Halted(reason="BalanceDifference", message=message))
        if events:
            self._book(events)
        differences = tuple(str(item) for item in found.shown)
        for difference in differences:
            log.warning("%s", difference)
        return Passage(differences, f"BalanceDifference: {beyond}" if beyond else None)
