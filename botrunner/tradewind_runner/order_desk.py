"""The order desk: the one way to the exchange, that must never buy twice.

An order is written down before it is sent, and on the disk before a byte of it leaves. A lost answer leaves it in doubt: its
symbol is blocked, and it is looked up with growing pauses until the exchange shows it, or has not known it often and long
enough. Only an order that the exchange itself said it had not taken is sent again, under the same id, and only after a look-up
did not find it. Everything is looked up at times, so that no report has to arrive; a report may come late, twice, or before its
answer. What the ledger cannot keep has not happened here either.

Knows no strategy, no wall clock and no socket: broker, ledger and exchange time are handed in, pauses are the running loop's.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from functools import partial

from tradewind_api.heard import EPOCH_CHARACTERS, hear, heard
from tradewind_api.ledger import EventData, Intended, LedgerState, Side
from tradewind_engine.trading.identity import cancel_id, epoch_of
from tradewind_engine.trading.orders import Input, Lost, NotFound, Order, Patience, Refused, apply
from tradewind_engine.trading.orders import resume as resume_order
from tradewind_runner.brokers.errors import (
    BrokerError,
    ClockSkewError,
    CredentialsRefusedError,
    ExchangeUnavailableError,
    ForbiddenError,
    OrderRejectedError,
    OutcomeUnknownError,
    RateLimitedError,
    refusal,
)
from tradewind_runner.brokers.port import Broker, SeenOrder
from tradewind_runner.desk_entry import Entries, Entry, Pace, adopted_intent
from tradewind_runner.outbox import OutboxFullError

log = logging.getLogger("tradewind.runner")
PATIENCE, PACE = Patience(), Pace()


class BlockedError(Exception):
    """Nothing may be sent for this symbol now; `blocked` would have told so. Nothing was written down either."""


class HeldBackError(Exception):
    """An order that was written down must not be sent after all, for this reason. Nothing of it has left."""


async def no_disk(_: Intended) -> None:
    """Let an order leave at once: for a ledger that keeps everything durably by itself."""


class OrderDesk:
    """All orders of one bot under one epoch.

    `book` keeps events as one group, or raises OutboxFullError; `now_ms` is the exchange's time. `may_leave` returns when an
    order that was booked may go out, which has to wait for the disk; it raises OutboxFullError or HeldBackError where it may
    not. Much can happen while it waits, so that its answer is the last word. `halted` says why no request makes sense before a
    person has acted; `fenced` is set when the exchange has shown the hand of a younger pod; `on_anomaly` is told what cannot
    be, each beginning with a word for its kind.
    """

    def __init__(
        self,
        broker: Broker,
        book: Callable[[list[EventData]], None],
        now_ms: Callable[[], float],
        *,
        bot_uid: str,
        epoch: int,
        may_leave: Callable[[Intended], Awaitable[None]] = no_disk,
        patience: Patience = PATIENCE,
        pace: Pace = PACE,
        candle_ms: int = 60_000,
        on_anomaly: Callable[[str], None] = log.warning,
    ) -> None:
        self.halted: str | None = None
        self._broker, self._book, self._now = broker, book, now_ms
        self._bot_uid, self._epoch, self._may_leave, self._candle_ms = bot_uid, epoch, may_leave, candle_ms
        self._patience, self._pace, self._on_anomaly = patience, pace, on_anomaly
        self._entries = Entries()
        self._last: dict[str, str] = {}
        self._unheard: dict[str, tuple[str, ...]] = {}
        self._strays: dict[str, SeenOrder] = {}
        self._unbooked: str | None = None
        self._quiet_until = 0.0
        self._twins: dict[str, str] = {}
        self._watched: list[str] = []
        self._watched_since, self._sweep_due = 0, 0.0
        self._wake, self.fenced, self._turn = asyncio.Event(), asyncio.Event(), asyncio.Lock()

    def resume(self, state: LedgerState) -> None:
        """Take over what earlier pods left: open intents may be anywhere, given up ones may yet appear."""
        now = int(self._now())
        self._last, self._unheard = dict(state.last_intents), dict(state.unheard)
        for cid, intent in state.open_intents.items():
            trades = state.open_trades.get(cid, {})
            order = resume_order(intent, sent_ms=now, trade_ids=trades, filled=sum(trades.values(), Decimal(0)))
            self._add(order)
        for intent in state.doubtful.values():
            self._add(Order(intent, now, status="NotPlaced"))

    def watch(self, symbols: Iterable[str], since_ms: int) -> None:
        """List the orders of symbols now and then in the background: one of ours may arrive after the gate has looked.

        The pod that sent it may have lost its disk with it; then only the exchange knows. `since_ms` is how far back to look at
        first, later it is as far as an order is watched for.
        """
        self._watched, self._watched_since = sorted(symbols), since_ms
        self._sweep_due = asyncio.get_running_loop().time() + self._pace.given_up_s

    async def submit(self, intent: Intended) -> Order:
        """Write an order down and send it. A lost answer is no error: the order is then in doubt.

        Where it must not leave any more once it is on the disk, it ends as rejected, with the reason.

        Raises:
            BlockedError: Something of this symbol is undecided.
            OutboxFullError: It cannot be written down; nothing was sent.
        """
        reason, cid = self.blocked(intent.symbol, intent.side), intent.client_order_id
        if reason is None and (cid in self._entries or cid <= self._last.get(cid[:EPOCH_CHARACTERS], "")):
            reason = f"Used: there was an order {cid} before, or a later one"
        if reason is not None:
            raise BlockedError(reason)
        self._book([intent])
        entry = self._add(Order(intent, int(self._now())))
        await self._send(entry)
        return entry.order

    async def cancel(self, cid: str) -> Order:
        """End an order and read what became of it. It is tried again in the background until the order has ended.

        Raises:
            KeyError: The desk has no such order.
        """
        entry = self._entries[cid]
        if not entry.order.closed:
            entry.cancel = True
            await self._cancel(entry)
        return entry.order

    def seen(self, seen: SeenOrder) -> None:
        """Learn from the stream, or a list: of an order here, or of one of ours that the ledger lost. Others' are let be."""
        if (epoch_of(seen.ended_by, self._bot_uid) or 0) > self._epoch:
            self._fence(f"order {seen.client_order_id} was ended by a younger pod of this bot")
        if (entry := self._entries.get(seen.client_order_id)) is not None:
            self._learn(entry, seen.report)
        elif not self._known(seen.client_order_id):
            self._adopt(seen)

    def look_again(self) -> None:
        """Look up what has not ended, and list what is there, as soon as it can be: some of it may have gone untold."""
        self._sweep_due = min(self._sweep_due, self._hurry())
        self._wake.set()

    def blocked(self, symbol: str, side: Side = "buy") -> str | None:
        """Return why nothing may be sent for a symbol, None if it may.

        A sale waits for sales only: it sells what the ledger holds, which a purchase in doubt can but increase.
        """
        if self.halted is not None:
            return self.halted
        if self._unbooked is not None:
            return f"LedgerFull: {self._unbooked}"
        if side == "buy" and symbol in self._twins:
            return self._twins[symbol]
        for entry in self._entries.open(symbol):
            if entry.undecided and (side == "buy" or entry.order.intent.side == "sell"):
                return f"InDoubt: the exchange is being asked about order {entry.cid}"
        return None

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        """Return the orders that have not ended, as far as is known, in the order in which they were made."""
        return [entry.order for entry in self._entries.open(symbol)]

    def order(self, cid: str) -> Order | None:
        """Return an order that is open or ended lately."""
        return entry.order if (entry := self._entries.get(cid)) is not None else None

    async def settle(self) -> None:
        """Look everything up until nothing is in doubt, and every open order once.

        Waits for an exchange that is away; returns at once when halted.
        """
        began = self._hurry()
        while self.halted is None:
            await self._round(in_order=True)
            unsettled = [entry for entry in self._entries.open() if entry.unsettled(began)]
            if not unsettled and not self._strays:
                return
            await self._pause(unsettled)

    async def run(self) -> None:
        """Look up in the background, for ever: what is in doubt, what is open, what was given up lately."""
        while True:
            if self.halted is None:
                await self._round()
                await self._sweep()
            await self._pause(self._entries if self.halted is None else ())

    async def _pause(self, entries: Iterable[Entry]) -> None:
        now = asyncio.get_running_loop().time()
        due = min((entry.due for entry in entries if entry.active), default=now + self._pace.open_s)
        wait = max(due, self._quiet_until, now + 0.001) - now
        self._wake.clear()
        with contextlib.suppress(TimeoutError):  # wait_for would swallow a cancel that comes together with the wake
            async with asyncio.timeout(min(wait, self._pace.open_s)):
                await self._wake.wait()

    async def _round(self, *, in_order: bool = False) -> None:
        """Look up what is due: exits first, or as it was made, so that no sale is booked before its purchase."""
        async with self._turn:
            for stray in list(self._strays.values()):
                self._adopt(stray)
            now = asyncio.get_running_loop().time()
            due = [entry for entry in self._entries if entry.active and entry.due <= now]
            if not in_order:
                due.sort(key=lambda item: (not item.cancel, item.order.intent.side == "buy"))
            for entry in due:
                if self.halted is not None or self._quiet_until > asyncio.get_running_loop().time():
                    break
                await (self._cancel(entry) if entry.cancel and not entry.order.closed else self._look_up(entry))
            self._entries.forget(self._now(), self._pace)

    async def look_over(self, symbol: str) -> None:
        """List the orders of a symbol, as far back as one is watched for, and learn from them. Raises BrokerError."""
        since = max(self._watched_since, int(self._now()) - self._pace.watch_ms)
        for seen in await self._broker.orders(symbol, since_ms=max(0, since)):
            self.seen(seen)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._watched or max(self._sweep_due, self._quiet_until) > loop.time():
            return
        try:
            for symbol in self._watched:
                await self.look_over(symbol)
        except BrokerError as exc:
            self._not_answered(None, exc)
        self._sweep_due = loop.time() + self._pace.given_up_s

    def _add(self, order: Order) -> Entry:
        entry = Entry(order, asyncio.get_running_loop().time(), self._pace.first_s, given_up=order.status == "NotPlaced")
        self._entries.add(entry)
        hear(self._last, self._unheard, entry.cid)
        return entry

    async def _send(self, entry: Entry) -> None:
        entry.not_taken, entry.in_flight = None, True
        try:
            report = await self._broker.place(entry.order.intent, partial(self._leave, entry))
        except (HeldBackError, OutboxFullError) as exc:
            self._learn(entry, Refused(f"NotSent: {exc}"))
        except OrderRejectedError as exc:
            self._learn(entry, Lost(str(exc)) if exc.code == "Duplicate" else Refused(f"{exc.code}: {exc}"))
        except (CredentialsRefusedError, ForbiddenError) as exc:
            self._learn(entry, Refused(self._halt(exc)))
        except ExchangeUnavailableError as exc:
            self._may_resend(entry, exc)
        except OutcomeUnknownError as exc:
            self._learn(entry, Lost(str(exc)))
        except asyncio.CancelledError:
            self._learn(entry, Lost("the bot stopped waiting for the answer"))
            raise
        else:
            self._learn(entry, report)
            if entry.order.status == "Intended":
                self._learn(entry, Lost("the answer to the order cannot be"))
        finally:
            entry.in_flight = False
            self._wake.set()

    async def _leave(self, entry: Entry) -> None:
        await self._may_leave(entry.order.intent)
        if self.halted is not None or entry.cancel:
            raise HeldBackError(self.halted or "canceled meanwhile")

    def _may_resend(self, entry: Entry, exc: ExchangeUnavailableError) -> None:
        """Note that the exchange did not take it; it is sent again when a look-up has not found it."""
        entry.not_taken, entry.resends = f"{type(exc).__name__}: {exc}", entry.resends + 1
        entry.pause = self._pace.first_s * 2**entry.resends
        if isinstance(exc, RateLimitedError):
            self._be_quiet(exc)
        elif not isinstance(exc, ClockSkewError):
            self._postpone(entry)

    async def _look_up(self, entry: Entry) -> None:
        try:
            found: Input | None = await self._broker.find(entry.symbol, entry.cid)
        except BrokerError as exc:
            self._not_answered(entry, exc)
            return
        entry.looked = asyncio.get_running_loop().time()
        if found is not None:
            entry.not_taken = None
            self._learn(entry, found)
            if entry.order.status == "Intended":  # found, but not as it can be
                self._learn(entry, Lost("the exchange's view of the order cannot be"))
        elif entry.not_taken is None or not entry.order.in_doubt:
            self._learn(entry, NotFound(int(self._now())))
        elif entry.cancel:
            self._learn(entry, Refused(f"Canceled before the exchange took it: {entry.not_taken}"))
        elif entry.resends > self._pace.resends or self._now() - entry.order.sent_ms > self._pace.resend_ms:
            self._learn(entry, Refused(f"Unavailable: {entry.not_taken}"))
        else:
            await self._send(entry)
            return
        self._postpone(entry)

    async def _cancel(self, entry: Entry) -> None:
        try:
            mine = epoch_of(entry.cid, self._bot_uid) == self._epoch
            await self._broker.cancel(entry.symbol, entry.cid, by="" if mine else cancel_id(entry.cid, self._epoch))
        except (OutcomeUnknownError, OrderRejectedError):
            pass  # the look-up says what became of it
        except BrokerError as exc:
            self._not_answered(entry, exc)
            return
        await self._look_up(entry)

    def _not_answered(self, entry: Entry | None, exc: BrokerError) -> None:
        if isinstance(exc, CredentialsRefusedError | ForbiddenError):
            self._halt(exc)
        if isinstance(exc, RateLimitedError):
            self._be_quiet(exc)
        if entry is not None:
            self._postpone(entry)

    def _postpone(self, entry: Entry) -> None:
        entry.postpone(asyncio.get_running_loop().time(), self._pace)
        self._wake.set()

    def _be_quiet(self, exc: RateLimitedError) -> None:
        self._quiet_until = max(self._quiet_until, asyncio.get_running_loop().time() + exc.retry_after_s)

    def _halt(self, exc: BrokerError) -> str:
        self.halted = refusal(exc)
        log.error("halted: %s", self.halted)
        return self.halted

    def _learn(self, entry: Entry, data: Input) -> None:
        """Let an order follow what was learnt, once the ledger has it; otherwise it is asked for again soon."""
        step = apply(entry.order, data, self._patience)
        if step.events:
            try:
                self._book(list(step.events))
            except OutboxFullError as exc:
                self._unbooked = str(exc)
                self._postpone(entry)
                return
            self._unbooked = None
        before, entry.order = entry.order, step.order
        self._entries.changed(entry)
        entry.given_up = entry.order.status == "NotPlaced"
        for anomaly in step.anomalies:
            self._on_anomaly(anomaly)
            if anomaly.startswith("Twin"):  # it may hold twice what the ledger knows of
                self._twins[entry.symbol] = anomaly
        if before.status != entry.order.status or before.misses_trades != entry.order.misses_trades:
            entry.pause, entry.due = self._pace.first_s, asyncio.get_running_loop().time() + self._pace.first_s
            if not entry.undecided:
                self._postpone(entry)
            self._wake.set()

    def _known(self, cid: str) -> bool:
        """Whether the order is not ours, or stands in the ledger as ended."""
        return epoch_of(cid, self._bot_uid) is None or heard(self._last, self._unheard, cid)

    def _adopt(self, seen: SeenOrder) -> None:
        epoch = epoch_of(seen.client_order_id, self._bot_uid) or 0
        if epoch > self._epoch:
            self._fence(f"order {seen.client_order_id} was sent by a younger pod of this bot")
            return
        if seen.amount <= 0:
            self._on_anomaly(f"Impossible: {seen.client_order_id} bears our id and has no amount")
            return
        intent = adopted_intent(seen, self._candle_ms)
        try:
            self._book([intent])
        except OutboxFullError as exc:
            self._unbooked = str(exc)
            self._strays[seen.client_order_id] = seen  # tried again, for nobody may tell of it twice
            return
        self._strays.pop(seen.client_order_id, None)
        self._on_anomaly(f"Adopted: {seen.client_order_id}, {seen.side} {seen.amount} {seen.symbol}, made at {seen.created_ms}")
        entry = self._add(Order(intent, int(self._now()), status="Unknown"))
        self._learn(entry, seen.report)

    def _hurry(self) -> float:
        now = asyncio.get_running_loop().time()
        self._entries.hurry(now)
        return now

    def _fence(self, why: str) -> None:
        self.halted = f"Fenced: {why}"
        self.fenced.set()
