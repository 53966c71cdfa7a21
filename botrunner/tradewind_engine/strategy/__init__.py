"""A strategy document evaluated over candles.

- evaluate: every node as a series    - decide: what to do at the close of the newest candle
"""
