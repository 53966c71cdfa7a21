"""Contracts between the parts of Tradewind, and nothing else: pydantic models, no I/O, no numpy.

- contract: the base of every message          - decimals: money and amounts as decimal strings
- ledger, fold: events of a bot, what follows    - runner: pod configuration and the runner side of the portal
- bot, backtest, tenant, plan: custom resources - document, operations: strategies as data
"""
