"""What would become of orders of ours in a market that we only watch: the one matching core of back-test, paper and simulator.

The caller shows it the book (`show`), tells it of trades (`printed`), and places and cancels orders, all in the order in which
they happen and with the time of each; the same calls give the same fills to the last digit. The rules:

- An order that takes walks the levels that are shown, less what orders of ours took there before; that is remembered until the
  level shows another amount.
- An order that rests queues behind all that is shown at its price. It is filled by trades alone: by those at its price from the
  other side once the queue before it is served, and by any trade through its price; never by more than was traded.
- The queue shortens by trades and, where the level shrinks, to what is left of it: who cancels is assumed to stand behind.
- Orders of ours meet each other, by price, queue and time, unless they are one owner's and he does not want that.
- Stops are triggered by trades of the market. Fills of ours move neither the last price nor what is shown.

It knows no balances, filters, fees or accounts: see `commission` and whoever calls.
"""

from collections.abc import Iterator
from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple

from tradewind_api.ledger import Side
from tradewind_engine.trading.book import Book, Level, Print
from tradewind_engine.trading.offers import (
    LIMITED,
    STOPPED,
    WOULD_MATCH,
    WOULD_TRIGGER,
    End,
    Ended,
    Fill,
    Offer,
    Outcome,
    Triggered,
)
from tradewind_engine.trading.resting import Resting, RestingSide, displayed

ZERO = Decimal(0)
SIGN: dict[Side, int] = {"buy": -1, "sell": 1}
SIDES: tuple[Side, Side] = ("buy", "sell")
OTHER: dict[Side, Side] = {"buy": "sell", "sell": "buy"}


class Take(NamedTuple):
    """A step of a walk through the book: `amount` (base) at `price`, from what is shown or from an order of ours."""

    price: Decimal
    amount: Decimal
    maker: Resting | None = None
    prevented: bool = False


class MatchingMarket:
    """One symbol. `amount_step` (base) rounds down what an order by quote buys."""

    def __init__(self, amount_step: Decimal) -> None:
        self.book = Book((), ())
        self.last: Decimal | None = None
        self._step = amount_step
        self._resting: dict[Side, RestingSide] = {"buy": RestingSide("buy"), "sell": RestingSide("sell")}
        self._stops: dict[str, Offer] = {}
        self._consumed: dict[Side, dict[Decimal, tuple[Decimal, Decimal]]] = {"buy": {}, "sell": {}}
        self._orders = self._trades = 0

    def __len__(self) -> int:
        """Return how many orders of ours rest or wait for their stop price."""
        return len(self._resting["buy"]) + len(self._resting["sell"]) + len(self._stops)

    @property
    def idle(self) -> bool:
        """Whether it need not be followed: no order of ours waits, and none has taken what is still shown."""
        if self._stops or self._consumed["buy"] or self._consumed["sell"]:
            return False
        return not (self._resting["buy"].ranked or self._resting["sell"].ranked)

    def show(self, book: Book) -> None:
        """Take the book as the market shows it now."""
        if book is self.book:
            return
        self.book = book
        for side in SIDES:
            levels = self._levels(side)
            self._forget(side, levels)
            self._resting[side].reached(levels)

    def printed(self, trade: Print) -> list[Outcome]:
        """Return what a trade of the market does to orders of ours: fills of those that rest, and stops."""
        outcomes: list[Outcome] = []
        for side in SIDES:
            outcomes += self._serve(side, trade)
        self.last = trade.price
        for offer in tuple(self._stops.values()):
            if _triggers(offer, trade.price):
                del self._stops[offer.order_id]
                outcomes.append(Triggered(offer.order_id, trade.time_ms))
                outcomes += self._enter(offer, trade.time_ms)
        return outcomes

    def place(self, offer: Offer, now_ms: int, takes: list[Take] | None = None) -> list[Outcome]:
        """Return what happens to a new order at once. Nothing means that it rests, or waits for its stop price.

        `takes` is what `walk` has just said of this order, for who has asked already.
        """
        if offer.kind in STOPPED:
            if self.last is not None and _triggers(offer, self.last):
                return [Ended(offer.order_id, "Rejected", now_ms, WOULD_TRIGGER)]
            self._stops[offer.order_id] = offer
            return []
        return self._enter(offer, now_ms, takes)

    def preview(self, offer: Offer) -> list[Take]:
        """Return what the order would take if it were placed now; nothing is changed."""
        return [take for take in self.walk(offer) if not take.prevented]

    def cancel(self, order_id: str) -> bool:
        """Take an order out; False if it neither rests nor waits."""
        if self._stops.pop(order_id, None):
            return True
        return self._resting["buy"].remove(order_id) or self._resting["sell"].remove(order_id)

    def ahead(self, order_id: str) -> Decimal | None:
        """Return the amount (base) that is thought to be served before a resting order; None if that is not known."""
        found = self._resting["buy"].get(order_id) or self._resting["sell"].get(order_id)
        return None if found is None else found.ahead

    def _enter(self, offer: Offer, now_ms: int, takes: list[Take] | None = None) -> list[Outcome]:
        if takes is None:
            takes = self.walk(offer)
        if offer.kind == "post_only" and takes:
            return [Ended(offer.order_id, "Rejected", now_ms, WOULD_MATCH)]
        filled = sum([take.amount for take in takes if not take.prevented], ZERO)
        if offer.time_in_force == "FOK" and filled != offer.amount:
            return [Ended(offer.order_id, "Expired", now_ms)]
        outcomes: list[Outcome] = []
        for take in takes:
            self._took(offer, take, now_ms, outcomes)
        end = self._end(offer, takes, filled)
        if end is not None:
            outcomes.append(Ended(offer.order_id, end, now_ms))
            return outcomes
        assert offer.amount is not None
        assert offer.price is not None
        self._rest(offer, offer.price, offer.amount - filled)
        return outcomes

    def _end(self, offer: Offer, takes: list[Take], filled: Decimal) -> End | None:
        if filled == offer.amount:
            return "Filled"
        if takes and takes[-1].prevented and offer.prevention in {"EXPIRE_TAKER", "EXPIRE_BOTH"}:
            return "Prevented"
        if offer.most_quote is not None and filled:
            spent = sum((take.amount * take.price for take in takes if not take.prevented), ZERO)
            if offer.amount is None and offer.most_quote - spent < self._step * takes[-1].price:
                return "Filled"  # what is left buys less than a step
        return None if offer.kind in LIMITED and offer.time_in_force == "GTC" else "Expired"

    def _rest(self, offer: Offer, price: Decimal, left: Decimal) -> None:
        ahead = displayed(self._levels(offer.side), price, SIGN[offer.side])
        if ahead:
            ahead -= self._consumed[offer.side].get(price, (ZERO, ZERO))[1]
        self._orders += 1
        self._resting[offer.side].add(offer, price, left, ahead, self._orders)

    def _took(self, offer: Offer, take: Take, now_ms: int, outcomes: list[Outcome]) -> None:
        opposite, maker = OTHER[offer.side], take.maker
        if maker is not None and take.prevented:
            if offer.prevention in {"EXPIRE_MAKER", "EXPIRE_BOTH"}:
                self._resting[opposite].remove(maker.offer.order_id)
                outcomes.append(Ended(maker.offer.order_id, "Prevented", now_ms))
            return
        self._trades += 1
        outcomes.append(Fill(offer.order_id, self._trades, take.amount, take.price, maker=False, time_ms=now_ms))
        if maker is not None:
            outcomes += self._made(maker, take.amount, now_ms)
            return
        consumed = self._consumed[opposite]
        known = consumed.get(take.price)
        if known is None:
            known = displayed(self._levels(opposite), take.price, SIGN[opposite]) or ZERO, ZERO
        consumed[take.price] = (known[0], known[1] + take.amount)
        self._resting[opposite].passed(take.price, take.amount)

    def _made(self, maker: Resting, amount: Decimal, now_ms: int) -> Iterator[Outcome]:
        maker.left -= amount
        order_id = maker.offer.order_id
        yield Fill(order_id, self._trades, amount, maker.price, maker=True, time_ms=now_ms)
        if not maker.left:
            self._resting[maker.offer.side].remove(order_id)
            yield Ended(order_id, "Filled", now_ms)

    def _serve(self, side: Side, trade: Print) -> Iterator[Outcome]:
        """Fill what rests on `side` from a trade: through its price at once, at its price behind the queue."""
        left, sign, eaten = trade.amount, SIGN[side], ZERO
        for resting in tuple(self._resting[side]):
            if sign * resting.price > sign * trade.price:
                return
            if resting.price != trade.price:
                resting.ahead = ZERO  # the market has traded through all that was before it
            else:
                if trade.taker == side or resting.ahead is None:
                    continue
                queue = min(max(ZERO, resting.ahead - eaten), left)
                eaten, left = eaten + queue, left - queue
                resting.ahead = max(ZERO, resting.ahead - eaten)
            amount = min(left, resting.left)
            if amount:
                left -= amount
                self._trades += 1
                yield from self._made(resting, amount, trade.time_ms)

    def walk(self, offer: Offer) -> list[Take]:
        """Return what the order would take now, best price first, until it or the book has enough; nothing is changed."""
        found: list[Take] = []
        left, quote = offer.amount, offer.most_quote
        for price, available, maker in self._offered(offer):
            prevented = maker is not None and maker.offer.owner == offer.owner and offer.prevention != "NONE"
            if prevented:
                found.append(Take(price, available, maker, prevented=True))
                if offer.prevention != "EXPIRE_MAKER":
                    break
                continue
            amount = available if left is None else min(available, left)
            if quote is not None and amount * price > quote:
                amount = (quote / price // self._step).to_integral_value(ROUND_DOWN) * self._step
            if not amount:
                break
            found.append(Take(price, amount, maker))
            left = None if left is None else left - amount
            quote = None if quote is None else quote - amount * price
            if left == ZERO or (quote is not None and amount < available):
                break
        return found

    def _offered(self, offer: Offer) -> Iterator[tuple[Decimal, Decimal, Resting | None]]:
        """Yield price, amount and maker of what stands against an order within its price; shown levels have no maker."""
        opposite = OTHER[offer.side]
        levels = iter(self._levels(opposite))
        makers = iter(self._resting[opposite])
        sign, consumed, limit = SIGN[opposite], self._consumed[opposite], offer.price if offer.kind in LIMITED else None
        level, maker = next(levels, None), next(makers, None)
        while level is not None or maker is not None:
            if level is None or (maker is not None and sign * maker.price <= sign * level[0]):
                assert maker is not None
                price = maker.price
            else:
                price = level[0]
            if limit is not None and sign * price > sign * limit:
                return
            shown = ZERO
            if level is not None and level[0] == price:
                taken = consumed.get(price)
                shown = level[1] if taken is None else max(ZERO, level[1] - taken[1])
                level = next(levels, None)
            served = ZERO  # of what is shown here
            while maker is not None and maker.price == price:
                ahead = shown if maker.ahead is None else min(maker.ahead, shown)
                if ahead > served:
                    yield price, ahead - served, None
                    served = ahead
                yield price, maker.left, maker
                maker = next(makers, None)
            if shown > served:
                yield price, shown - served, None

    def _levels(self, side: Side) -> tuple[Level, ...]:
        return self.book.bids if side == "buy" else self.book.asks

    def _forget(self, side: Side, levels: tuple[Level, ...]) -> None:
        """Forget what was taken at levels that show another amount than then."""
        consumed, sign = self._consumed[side], SIGN[side]
        for price in [price for price, (shown, _) in consumed.items() if displayed(levels, price, sign) != shown]:
            del consumed[price]


def _triggers(offer: Offer, price: Decimal) -> bool:
    assert offer.stop_price is not None
    falls = (offer.side == "sell") == offer.kind.startswith("stop_loss")
    return price <= offer.stop_price if falls else price >= offer.stop_price
