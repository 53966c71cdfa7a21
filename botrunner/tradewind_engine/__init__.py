"""The engine: pure arithmetic over candles. No I/O but candle files and a search's scratch file, no clock, no network.

- candles, candle_files, resampling, timeframes: closed candles as arrays
- operations: the arithmetic of each declared operation
- strategy: a document evaluated over candles, whole history or the last window
- backtest: simulated trading over history         - analytics: one figure a file
- honesty: how far to trust a figure               - page: a report as one HTML file
"""

ENGINE_VERSION = "0.1.0"  # stands in every report; a test holds it to pyproject.toml
