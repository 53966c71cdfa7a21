"""Simulated trading over history. docs/reference/backtest-semantics.md says what the numbers mean.

- kernel: the loop, the only file that knows numba    - engine: documents and candles in, report out
- report: what comes out
"""
