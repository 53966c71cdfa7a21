"""Which market a file holds: candles, trades, or a recorded book. Told by its content, not by its name."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tradewind_engine.candle_files import MAX_FILE_BYTES, PARQUET_MAGIC, parse_candles
from tradewind_simulator.market.l2 import BookTape
from tradewind_simulator.market.recorded import RecordedMarket
from tradewind_simulator.market.recording import FeedError, read_recordings
from tradewind_simulator.market.tape import TradeTape
from tradewind_simulator.market.trade_files import parse_trades

QUOTES = ("FDUSD", "USDT", "USDC", "TUSD", "BUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "GBP", "AUD", "BRL", "JPY", "USD")
FRAME_STARTS = b"0123456789hw\r\n"


@dataclass(frozen=True, slots=True)
class Found:
    """A market and the symbol that it is of, `BASE/QUOTE`; empty where the file does not say."""

    symbol: str
    market: RecordedMarket | TradeTape


def read_markets(files: Iterable[Path]) -> list[Found]:
    """Return the markets in files. Recordings of streams are read together, others alone. Raises FeedError, CandleError."""
    found: list[Found] = []
    recordings: list[Path] = []
    for file in files:
        start = _start(file)
        if start.startswith(PARQUET_MAGIC):
            found.append(Found("", _columns(file, _parquet_names(file), parquet=True)))
        elif start.startswith(b"\x1f\x8b") or start[:1] in [FRAME_STARTS[n : n + 1] for n in range(len(FRAME_STARTS))]:
            recordings.append(file)
        else:
            names = start.split(b"\n", maxsplit=1)[0].decode("utf-8-sig", "replace").lower()
            found.append(Found("", _columns(file, {name.strip() for name in names.split(",")}, parquet=False)))
    if recordings:
        found += [Found(_with_slash(symbol_id), market) for symbol_id, market in read_recordings(recordings).items()]
    return found


def steps_of(market: BookTape) -> tuple[str, str]:
    """Return the finest steps of price and amount that a recorded book shows."""
    prices = [price for price, _ in (*market.snapshot.bids, *market.snapshot.asks)]
    amounts = [amount for _, amount in (*market.snapshot.bids, *market.snapshot.asks)]
    return _finest(prices), _finest(amounts)


def _finest(values: list[Decimal]) -> str:
    exponents = (value.normalize().as_tuple().exponent for value in values)
    return f"{Decimal(1).scaleb(min((e for e in exponents if isinstance(e, int)), default=-8)):.8f}"


def _start(file: Path) -> bytes:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise FeedError(f"{file.name} is larger than {MAX_FILE_BYTES} bytes: split it by time")
        with file.open("rb") as opened:
            start = opened.read(4096)
    except OSError as exc:
        raise FeedError(f"cannot read {file}: {exc.strerror}") from None
    if not start:
        raise FeedError(f"{file.name} is empty")
    return start


def _parquet_names(file: Path) -> set[str]:
    import pyarrow as pa  # noqa: PLC0415 - a tenth of a second that only Parquet needs
    from pyarrow import parquet  # noqa: PLC0415

    try:
        return set(parquet.read_schema(file).names)
    except (pa.ArrowException, OSError) as exc:
        raise FeedError(f"{file.name} is not a readable Parquet file: {exc}") from None


def _columns(file: Path, names: set[str], *, parquet: bool) -> RecordedMarket | TradeTape:
    """Trades have a taker's side, candles have a high."""
    try:
        content = file.read_bytes()
        return parse_trades(content, parquet=parquet) if "side" in names else RecordedMarket(parse_candles(content))
    except ValueError as exc:
        raise FeedError(f"{file.name}: {exc}") from None


def _with_slash(symbol_id: str) -> str:
    for quote in QUOTES:
        if symbol_id.endswith(quote) and symbol_id != quote:
            return f"{symbol_id.removesuffix(quote)}/{quote}"
    raise FeedError(f"{symbol_id}: base and quote cannot be told apart; known quotes are {', '.join(QUOTES)}")
