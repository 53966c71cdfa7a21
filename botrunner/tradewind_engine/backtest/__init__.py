"""Simulated trading over history. docs/reference/backtest-semantics.md says what the numbers mean.

- kernel: the loop over candles, and what an equity curve measures    - compiled: loops of operations; these two know numba
- ahead_of_time: compiled before it is needed                         - simulate: a document's rules for the kernel
- engine: documents and candles in, report out                        - curves, report: what comes out
"""
