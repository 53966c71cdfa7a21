"""Compares what should be with what is, and acts.

- apply: one object    - status: the status of one resource    - tenant, bot, backtest, strategy: one kind a file
- context: what all of them are given
"""
