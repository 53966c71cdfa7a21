"""An order as a strategy asks for it, of the type that its prices make it."""

from decimal import Decimal

from tradewind_api.ledger import Intended, Side


def asked(
    cid: str,
    symbol: str,
    *,
    side: Side = "buy",
    amount: str = "1",
    price: Decimal | str | None = None,
    stop: Decimal | str | None = None,
    most: Decimal | str | None = None,
) -> Intended:
    """Return an entry at the market, for `most` if it is given, at a price, or once a stop is touched."""
    return Intended(
        client_order_id=cid,
        symbol=symbol,
        side=side,
        order_type="stop" if stop else "limit" if price else "market",
        amount=amount,
        price=most or price,
        stop_price=stop,
        candle_open_ms=0,
        reason="Entry",
    )
