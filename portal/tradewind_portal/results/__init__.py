"""Reports of backtests, and how far running ones are."""
