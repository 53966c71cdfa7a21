"""The process that reads a candle file which somebody sent.

A program of its own, with a limited address space and no database: a Parquet file of a few bytes can unfold to gigabytes, and
parsers have had worse faults. Prints one line of JSON: what the candles are, or what is wrong and what to do.

    python -m tradewind_portal.candles.intake FILE COLUMNS EXCHANGE SYMBOL TIMEFRAME MEMORY_MIB
"""

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

EXIT_UNREADABLE = 1
MAX_GAPS = 100


def main(arguments: list[str]) -> int:
    """Read FILE, write its columns to COLUMNS, print what it is."""
    file, columns, exchange, symbol, timeframe, memory_mib = arguments
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    limit = int(memory_mib) * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        found = _read(Path(file), Path(columns), exchange, symbol, timeframe)
    except MemoryError:
        found = {"error": f"the file unfolds to more than {memory_mib} MiB: split it by time"}
    sys.stdout.write(json.dumps(found) + "\n")
    return EXIT_UNREADABLE if "error" in found else 0


def _read(file: Path, columns: Path, exchange: str, symbol: str, timeframe: str) -> dict[str, Any]:
    from tradewind_api.document.digest import data_digest  # noqa: PLC0415 - after the limit is set
    from tradewind_engine.candle_files import read_candle_file  # noqa: PLC0415 - as above
    from tradewind_engine.candles import CandleError, gaps  # noqa: PLC0415 - as above
    from tradewind_engine.timeframes import infer_timeframe, timeframe_ms  # noqa: PLC0415 - as above

    try:
        candles = read_candle_file(file)
        inferred = timeframe if timeframe and len(candles) == 1 else infer_timeframe(candles.ts)
        if timeframe and inferred != timeframe:
            raise CandleError(f"the candles are of {inferred}, not {timeframe}: leave timeframe out, or send the right file")
        step = timeframe_ms(inferred)
        if int(candles.ts[0]) % step:
            raise CandleError(f"row 1, column ts: {int(candles.ts[0])} is not on the grid of {inferred} candles in UTC")
    except CandleError as exc:
        if isinstance(exc.__context__, MemoryError):
            raise exc.__context__ from None
        return {"error": str(exc)}
    content = candles.column_bytes()
    with columns.open("wb") as out:
        for column in content:
            out.write(column)
        out.flush()
        os.fsync(out.fileno())
    holes = gaps(candles, step)
    return {
        "digest": data_digest(exchange, symbol, inferred, content),
        "timeframe": inferred,
        "candles": len(candles),
        "from": int(candles.ts[0]),
        "to": int(candles.ts[-1]) + step,
        "gaps": holes[:MAX_GAPS],
        "gapCount": len(holes),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
