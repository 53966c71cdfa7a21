"""Simulated trading over history. docs/reference/backtest-semantics.md says what the numbers mean.

- kernel: the loop over candles, and what an equity curve measures    - compiled: loops of operations
- loading: these two by numba, from disk                              - ahead_of_time: compiled before they are needed
- simulate: a document's rules for the kernel
- engine: documents and candles in, report out                        - curves, report: what comes out
"""
