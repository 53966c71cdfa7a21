"""The process that makes candles of a longer timeframe: the engine's sums, to the last bit, without numpy in the portal.

echo '[[FILE, START, STOP], ...]' | python -m tradewind_portal.candles.merging TARGET STEP_MS
"""

import json
import sys
from pathlib import Path

import numpy as np

from tradewind_engine.candles import Candles
from tradewind_engine.resampling import merge
from tradewind_portal.candles.files import COLUMNS


def main(arguments: list[str]) -> int:
    """Write what the rows that are named on standard input make together to TARGET."""
    target, step_ms = arguments
    parts = [_rows(Path(path), start, stop) for path, start, stop in json.load(sys.stdin)]
    whole = Candles(*(np.concatenate(columns) for columns in zip(*(part.columns() for part in parts), strict=True)))
    with Path(target).open("xb") as out:
        out.writelines(merge(whole, int(step_ms)).column_bytes())
    return 0


def _rows(path: Path, start: int, stop: int) -> Candles:
    whole = np.memmap(path, dtype="<i8", mode="r").reshape(COLUMNS, -1)
    prices = whole.view("<f8")
    return Candles(whole[0], *prices[1:])[start:stop]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
