"""How each exchange spells a client order id, and whether it can be asked by one. An explicit table, read from ccxt's sources.

Ours are 18 characters of [0-9a-z]. Where an exchange wants another form it is derived from them, and back: so that the bot's
prefix is recognised in lists. Exchanges that ccxt cannot ask by client id are asked for their open and closed orders, and the
id is looked for in those. Binance is proved against the simulator; of the others it is proved what real ccxt writes on the
wire, and not what the exchange makes of it.
"""

import uuid
from dataclasses import dataclass
from typing import Literal

from tradewind_api.heard import ALPHABET
from tradewind_engine.trading.identity import CHARACTERS

UUID_MARK = 0x7ADE
"""Sixteen bits that tell a UUID of ours from others."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Of one exchange. `parameter` is ccxt's or the exchange's own name for the id; `window_ms` the longest span of one list.

    `finds` and `cancels`: an order can be asked about, and ended, by our id. `stops`: a stop goes out as one, and is found like
    other orders. ccxt makes of it a sale at once on some (Kraken, MEXC, Bitstamp), turns it round (Coinbase), or it stands in a
    list of its own (OKX, KuCoin, Bitget, Gate). `outlined`: it is proved that a market order made beforehand is, to the byte,
    the one that ccxt would have made. `joined_ids`: symbols are base and quote joined, and rules can be asked for some symbols
    only. `cancel_parameter`: what a cancel's own id is called, where its order's events tell it.
    """

    form: Literal["plain", "uuid", "t-"] = "plain"
    parameter: str = "clientOrderId"
    finds: bool = False
    cancels: bool = False
    stops: bool = False
    outlined: bool = False
    window_ms: int | None = None
    joined_ids: bool = False
    cancel_parameter: str = ""

    def spell(self, cid: str) -> str:
        """Return a client order id of ours as this exchange writes it."""
        match self.form:
            case "plain":
                return cid
            case "t-":
                return f"t-{cid}"
            case "uuid":
                return _to_uuid(cid)

    def read(self, spelt: str) -> str:
        """Return the client order id behind what the exchange wrote; what is not ours comes back as it is."""
        if self.form == "t-":
            return spelt.removeprefix("t-")
        return (_from_uuid(spelt) or spelt) if self.form == "uuid" else spelt


BINANCE = Dialect(
    finds=True,
    cancels=True,
    stops=True,
    outlined=True,
    window_ms=86_400_000,
    joined_ids=True,
    cancel_parameter="newClientOrderId",
)
BYBIT = Dialect()
GATE = Dialect(form="t-")
OKX = Dialect(finds=True, cancels=True)
DIALECTS: dict[str, Dialect] = {
    "binance": BINANCE,
    "binanceus": BINANCE,
    "bitget": Dialect(finds=True, cancels=True),
    "bitstamp": Dialect(parameter="client_order_id", finds=True, outlined=True),
    "bybit": BYBIT,
    "bybiteu": BYBIT,
    "coinbase": Dialect(form="uuid", parameter="client_order_id"),
    "cryptocom": Dialect(parameter="client_oid"),
    "gate": GATE,
    "gateeu": GATE,
    "htx": Dialect(finds=True, cancels=True),
    "kraken": Dialect(outlined=True),
    "kucoin": Dialect(finds=True, cancels=True),
    "mexc": Dialect(finds=True, cancels=True, outlined=True),
    "myokx": OKX,
    "okx": OKX,
    "okxus": OKX,
}
REFUSED: dict[str, str] = {
    "bitfinex": "its client ids are numbers of the day, too short for ours",
    "bitvavo": "it wants the number of an operator with each order, which there is no place for",
    "gemini": "ccxt has no market orders there",
    "hyperliquid": "its client ids are numbers that ccxt does not give back with orders",
}
UNKNOWN = "nobody has looked yet how it spells an order's id, and an order that is not found again may be bought twice"
"""Why exchanges are refused for live trading: those that are known not to do, and all others that are not in the table."""


def dialect_of(ccxt_id: str) -> Dialect:
    """Return the dialect of an exchange.

    Raises:
        ValueError: If our orders cannot be made there, or not be told from others', or nobody knows.
    """
    found = DIALECTS.get(ccxt_id)
    if found is None:
        raise ValueError(f"{ccxt_id} cannot be traded on: {REFUSED.get(ccxt_id, UNKNOWN)}")
    return found


def _to_uuid(cid: str) -> str:
    """Return a UUID of version 4 with the id in its 122 free bits.

    >>> _from_uuid(_to_uuid("0abcxyz00010000010"))
    '0abcxyz00010000010'
    """
    free = (UUID_MARK << 106) | int(cid, 36)
    high, middle, low = free >> 74, (free >> 62) & 0xFFF, free & ((1 << 62) - 1)
    return str(uuid.UUID(int=(high << 80) | (4 << 76) | (middle << 64) | (2 << 62) | low))


def _from_uuid(spelt: str) -> str | None:
    try:
        number = uuid.UUID(spelt).int
    except ValueError:
        return None
    free = ((number >> 80) << 74) | (((number >> 64) & 0xFFF) << 62) | (number & ((1 << 62) - 1))
    if free >> 106 != UUID_MARK or (number >> 76) & 0xF != 4:
        return None
    rest, text = free & ((1 << 106) - 1), ""
    for _ in range(CHARACTERS):
        rest, digit = divmod(rest, 36)
        text = ALPHABET[digit] + text
    return None if rest else text
