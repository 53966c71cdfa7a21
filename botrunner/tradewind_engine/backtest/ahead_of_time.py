"""Compiled loops before they are needed: made when an image is built, and at hand in a process that has just begun.

numba looks for compiled code only where it may also write, so a read-only image keeps its copy elsewhere and `prepare` lays it
where numba looks. Code is made for the processors of the last ten years (x86-64-v3); on an older one numba compiles anew, which
takes some seconds and changes no result that anybody would see.

    NUMBA_CACHE_DIR=FOLDER python -m tradewind_engine.backtest.ahead_of_time      # while the image is built
"""

import os
import platform
import shutil
from pathlib import Path
from typing import Any

KEPT = "TRADEWIND_COMPILED"  # names the folder that the image keeps
CPUINFO = Path("/proc/cpuinfo")


def prepare() -> None:
    """Get numba ready to answer at once; for the edges of processes, before anything is simulated."""
    import numba  # noqa: PLC0415 - a third of a second that only callers need

    config: Any = numba.config
    kept, wanted = os.environ.get(KEPT), os.environ.get("NUMBA_CACHE_DIR")
    if config.CPU_NAME == "x86-64-v3" and not _has_avx2():
        config.CPU_NAME = config.CPU_FEATURES = None
    elif kept and wanted and Path(kept).is_dir():
        shutil.copytree(kept, wanted, copy_function=shutil.copyfile, dirs_exist_ok=True)


def _has_avx2() -> bool:
    try:
        return platform.machine() == "x86_64" and " avx2 " in CPUINFO.read_text()
    except OSError:
        return False


def warm() -> None:
    """Compile every loop for every kind of array that it meets: made here or only lent (read-only)."""
    import numpy as np  # noqa: PLC0415

    from tradewind_api.document.resolve import TEMPLATES, template  # noqa: PLC0415
    from tradewind_engine.backtest import compiled, kernel  # noqa: PLC0415
    from tradewind_engine.backtest.engine import run_backtest  # noqa: PLC0415
    from tradewind_engine.candles import Candles, Floats, Integers  # noqa: PLC0415

    ts: Integers = np.arange(1000, dtype=np.int64) * 3_600_000 + 1_700_000_000_000
    close: Floats = 100.0 + np.arange(ts.size, dtype=np.float64) % 7.0
    candles = Candles(ts, close, close + 1, close - 1, close, close + 5)
    compiled.turn(np.zeros((1, kernel.COLUMNS)), ts, np.empty((2, 1), np.int64), np.empty((5, 1)), np.empty(1, np.int8))
    for lent in (False, True):
        for column in candles.columns():
            column.flags.writeable = not lent
        compiled.distances(candles.ts)
        compiled.fit(*candles.columns()[1:])
        for name in TEMPLATES:
            run_backtest(template(name), {"": candles}, timeframe="1h")
        for loop in ("weighted", "wilder", "strength", "total", "mean", "variance"):
            getattr(compiled.COMPILED, loop)(candles.close, 3)
        for other in (candles.close, close.copy()):
            compiled.COMPILED.crosses(candles.close, other)
            compiled.COMPILED.crosses(other, candles.close)


if __name__ == "__main__":
    prepare()
    warm()
    print(f"compiled into {os.environ.get('NUMBA_CACHE_DIR', 'the folders of the sources')}")  # noqa: T201
