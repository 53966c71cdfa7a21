"""Trade files: CSV or Parquet with the columns ts (UTC ms), id, side (of the taker), price, amount (base)."""

from decimal import Decimal

from tradewind_engine.trading.book import Print
from tradewind_simulator.market.recording import FeedError
from tradewind_simulator.market.tape import TradeTape

COLUMNS = ("ts", "id", "side", "price", "amount")


def parse_trades(content: bytes, *, parquet: bool) -> TradeTape:
    """Return the market in the bytes of a trade file. Raises FeedError."""
    import pyarrow as pa  # noqa: PLC0415 - a tenth of a second that only this needs
    from pyarrow import csv  # noqa: PLC0415
    from pyarrow import parquet as files  # noqa: PLC0415

    try:
        table = files.read_table(pa.BufferReader(content)) if parquet else csv.read_csv(pa.BufferReader(content))
        columns = [table.column(name).to_pylist() for name in COLUMNS]
    except (pa.ArrowException, OSError, KeyError) as exc:
        raise FeedError(f"this is no trade file with the columns {', '.join(COLUMNS)}: {exc}") from None
    prints: list[Print] = []
    for row, (ts, number, side, price, amount) in enumerate(zip(*columns, strict=True), start=1):
        if not isinstance(ts, int) or side not in {"buy", "sell"} or not _positive(price) or not _positive(amount):
            wanted = "ts in UTC ms, side buy or sell, price and amount above 0"
            raise FeedError(f"row {row}: ts {ts!r}, side {side!r}, price {price!r}, amount {amount!r}: wanted are {wanted}")
        trade_id = int(number) if str(number).isdecimal() else row
        if prints and (ts < prints[-1].time_ms or trade_id <= prints[-1].trade_id):
            raise FeedError(f"row {row}: trade {trade_id} at {ts} does not follow {prints[-1].trade_id}: sort by time and id")
        prints.append(Print(trade_id, ts, Decimal(repr(price)), Decimal(repr(amount)), side))
    if not prints:
        raise FeedError("the trade file is empty")
    return TradeTape(prints)


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e15
