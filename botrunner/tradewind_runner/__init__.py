"""Processes that trade and back-test, one pod each.

- bot: the process of a bot                - trading: what a paper bot does at a candle's close; pure
- backtest_worker: the process of a backtest
- portal, reporter, outbox, left_over: the way to the ledger     - exchange, lean_ccxt, exchange_clock: the way to the market
- brokers: where orders go                - order_desk, desk_entry: the one way there, that never buys twice
- settings, configuration, health, last_words: what a pod needs
"""
