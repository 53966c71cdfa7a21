"""Paper orders in the market as it is: our matching core over the book and trades that are being watched.

Same protocol, same refusals and same fees as the simulated exchange, which shares matching and commission with it. It holds no
balances: those are the ledger's, as is everything of an earlier pod. What rested then is put back, at the end of its queue;
what the ledger does not have has never been.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tradewind_api.ledger import Intended, LedgerState
from tradewind_engine.trading.book import Book, Print
from tradewind_engine.trading.commission import Fees, commission
from tradewind_engine.trading.matching import MatchingMarket
from tradewind_engine.trading.offers import End, Ended, Fill, Kind, Offer, Outcome
from tradewind_engine.trading.orders import Report, ReportStatus, Trade
from tradewind_engine.trading.rounding import MarketRules, fault
from tradewind_runner.brokers.errors import ExchangeUnavailableError, OrderRejectedError
from tradewind_runner.brokers.port import Balances, Leave, SeenOrder, at_once

ZERO, OWNER, ENDED_KEPT = Decimal(0), "bot", 500
STATUS: dict[End, ReportStatus] = {"Filled": "Filled", "Expired": "Expired", "Rejected": "Rejected", "Prevented": "Expired"}


@dataclass(slots=True)
class _Paper:
    """An order; `before` was filled under an earlier pod, `number` counts its trades over all pods."""

    intent: Intended
    created_ms: int
    status: ReportStatus = "Open"
    before: Decimal = ZERO
    number: int = 0
    trades: list[Trade] = field(default_factory=list)
    reason: str = ""

    @property
    def filled(self) -> Decimal:
        return self.before + sum((trade.amount for trade in self.trades), ZERO)

    def report(self, trades: Iterable[Trade]) -> Report:
        return Report(f"paper-{self.intent.client_order_id}", self.status, self.filled, tuple(trades))

    def seen(self, trades: Iterable[Trade] = ()) -> SeenOrder:
        return SeenOrder.of(self.intent, self.created_ms, self.report(trades))


class PaperBroker:
    """Of one bot. `show` and `printed` bring the market, `state` the ledger; `latency_s` is the way to the exchange, once."""

    def __init__(
        self,
        rules: Mapping[str, MarketRules],
        fees: Fees,
        state: Callable[[], LedgerState],
        now_ms: Callable[[], float],
        *,
        latency_s: float = 0.05,
    ) -> None:
        self._rules, self._fees, self._state, self._now, self._latency = dict(rules), fees, state, now_ms, latency_s
        self._markets = {symbol: MatchingMarket(rule.amount_step) for symbol, rule in rules.items()}
        self._orders: dict[str, _Paper] = {}
        self._changes: asyncio.Queue[SeenOrder] = asyncio.Queue(maxsize=1000)

    def restore(self, state: LedgerState) -> None:
        """Put back what an earlier pod left open. A market order that was under way then ended with what it had."""
        for cid, intent in state.open_intents.items():
            trades = state.open_trades.get(cid, {})
            order = _Paper(intent, int(self._now()), before=sum(trades.values(), ZERO), number=len(trades))
            market = self._markets.get(intent.symbol)
            if intent.order_type == "market" or market is None:
                order.status = "Expired"
                if not trades:
                    continue
            self._orders[cid] = order
            if order.status == "Open" and market is not None:
                left = intent.amount - order.before
                self._happened(intent.symbol, market.place(_offer(intent, left), int(self._now())))

    def show(self, symbol: str, book: Book) -> None:
        """Take a symbol's book as the market shows it now."""
        self._markets[symbol].show(book)

    def printed(self, symbol: str, trade: Print) -> None:
        """Take a trade of the market: it may fill what rests."""
        self._happened(symbol, self._markets[symbol].printed(trade))

    async def place(self, intent: Intended, leave: Leave = at_once) -> Report:
        """Take an order; see the port."""
        await leave()
        await asyncio.sleep(self._latency)
        market = self._markets.get(intent.symbol)
        if market is None:
            raise OrderRejectedError(f"{intent.symbol} is not traded here", code="MarketClosed")
        if intent.client_order_id in self._orders:
            raise OrderRejectedError("an order with this id is there", code="Duplicate")
        offer = _offer(intent, intent.amount)
        reference = self._reference(market, offer)
        wrong = fault(intent.amount, reference, self._rules[intent.symbol])
        if wrong is not None:
            raise OrderRejectedError(wrong, code="Filter")
        self._afford(market, intent, offer, reference)
        self._forget()
        order = self._orders[intent.client_order_id] = _Paper(intent, int(self._now()))
        self._happened(intent.symbol, market.place(offer, int(self._now())))
        if order.status == "Rejected":
            del self._orders[intent.client_order_id]
            raise OrderRejectedError(order.reason, code="Other")
        report = order.report(order.trades)
        await asyncio.sleep(self._latency)
        return report

    async def cancel(self, symbol: str, client_order_id: str, *, by: str = "") -> None:  # noqa: ARG002 - nobody else listens
        """End an order; see the port."""
        await asyncio.sleep(self._latency)
        order = self._orders.get(client_order_id)
        if order is not None and order.status == "Open" and self._markets[symbol].cancel(client_order_id):
            order.status = "Canceled"
            self._tell(order.seen())

    async def find(self, symbol: str, client_order_id: str) -> Report | None:
        """Return an order with its trades of this pod; see the port. Earlier ones are in the ledger already."""
        await asyncio.sleep(self._latency)
        order = self._orders.get(client_order_id)
        return None if order is None or order.intent.symbol != symbol else order.report(order.trades)

    async def orders(self, symbol: str, *, since_ms: int) -> list[SeenOrder]:
        """Return orders of any state; see the port."""
        await asyncio.sleep(self._latency)
        mine = [order for order in self._orders.values() if order.intent.symbol == symbol]
        return [order.seen() for order in mine if order.created_ms >= since_ms]

    async def open_orders(self, symbol: str) -> list[SeenOrder]:
        """Return open orders; see the port."""
        return [order for order in await self.orders(symbol, since_ms=0) if order.report.status == "Open"]

    async def balances(self) -> Balances:
        """Return what the ledger has, less what open orders hold."""
        await asyncio.sleep(self._latency)
        total, free = self._funds()
        return Balances(total, free)

    async def key_trouble(self) -> str:
        """Return that nothing is wrong with a key that there is not; see the port."""
        return ""

    async def warm(self, orders: int) -> None:
        """Do nothing: there is no way to go; see the port."""

    async def updates(self) -> AsyncIterator[SeenOrder]:
        """Yield changes of orders; see the port."""
        while True:
            yield await self._changes.get()

    def _happened(self, symbol: str, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            order = self._orders.get(outcome.order_id)
            if order is None:
                continue
            trades: tuple[Trade, ...] = ()
            match outcome:
                case Fill():
                    trades = (self._trade(symbol, order, outcome),)
                    order.trades += trades
                case Ended():
                    order.status, order.reason = STATUS[outcome.outcome], outcome.reason
            self._tell(order.seen(trades))

    def _trade(self, symbol: str, order: _Paper, fill: Fill) -> Trade:
        order.number += 1
        intent = order.intent
        fee, currency = commission(self._fees, symbol, side=intent.side, amount=fill.amount, price=fill.price, maker=fill.maker)
        return Trade(f"paper-{intent.client_order_id}-{order.number}", fill.amount, fill.price, fee, currency)

    def _forget(self) -> None:
        """Let go of the oldest that ended; the ledger has them."""
        ended = [cid for cid, order in self._orders.items() if order.status != "Open"]
        for cid in ended[: max(0, len(ended) - ENDED_KEPT)]:
            del self._orders[cid]

    def _tell(self, seen: SeenOrder) -> None:
        if self._changes.full():
            self._changes.get_nowait()  # best effort: who listens late asks for its orders
        self._changes.put_nowait(seen)

    def _reference(self, market: MatchingMarket, offer: Offer) -> Decimal:
        """Return the price that filters and funds go by. Raises ExchangeUnavailableError while nothing is shown."""
        if offer.price is not None or offer.stop_price is not None:
            return offer.price or offer.stop_price or ZERO
        levels = market.book.asks if offer.side == "buy" else market.book.bids
        if not levels:
            raise ExchangeUnavailableError("the market shows no offers yet")
        return levels[0][0]

    def _afford(self, market: MatchingMarket, intent: Intended, offer: Offer, reference: Decimal) -> None:
        base, quote = intent.symbol.split("/")
        _, free = self._funds()
        if intent.side == "sell":
            needed, there, asset = intent.amount, free.get(base, ZERO), base
        else:
            takes = market.preview(offer) if offer.kind == "market" else []
            cost = sum((take.amount * take.price for take in takes), ZERO)
            needed, there, asset = cost or intent.amount * reference, free.get(quote, ZERO), quote
        if needed > there:
            raise OrderRejectedError(f"{needed} {asset} needed, {there} there", code="InsufficientFunds")

    def _funds(self) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
        """Return total and free amounts by currency: the ledger's, and what trades have moved that it has not booked yet."""
        state = self._state()
        total: dict[str, Decimal] = {state.currency: state.cash}
        for symbol, position in state.positions.items():
            total[symbol.split("/")[0]] = position.amount
        held: dict[str, Decimal] = {}
        for cid, order in self._orders.items():
            intent = order.intent
            base, quote = intent.symbol.split("/")
            booked = state.open_trades.get(cid, {})
            for trade in order.trades if cid in state.open_intents else ():
                if trade.trade_id not in booked:
                    sign = 1 if intent.side == "buy" else -1
                    total[base] = total.get(base, ZERO) + sign * trade.amount
                    total[quote] = total.get(quote, ZERO) - sign * trade.amount * trade.price
                    total[trade.fee_currency] = total.get(trade.fee_currency, ZERO) - trade.fee
            if order.status == "Open":
                left = intent.amount - order.filled
                asset, amount = (
                    (base, left) if intent.side == "sell" else (quote, left * (intent.price or intent.stop_price or ZERO))
                )
                held[asset] = held.get(asset, ZERO) + amount
        return total, {asset: amount - held.get(asset, ZERO) for asset, amount in total.items()}


def _offer(intent: Intended, amount: Decimal) -> Offer:
    kind: Kind
    match intent.order_type:
        case "market":
            kind = "market" if intent.price is None else "limit"
        case "limit":
            kind = "limit"
        case "stop":
            kind = "stop_loss" if intent.price is None else "stop_loss_limit"
    return Offer(
        intent.client_order_id,
        intent.side,
        kind,
        amount=amount,
        price=intent.price,
        stop_price=intent.stop_price,
        time_in_force="IOC" if intent.order_type == "market" else "GTC",
        owner=OWNER,
    )
