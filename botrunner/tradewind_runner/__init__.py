"""Processes that trade and back-test, one pod each.

- bot: the process of a bot    - bot_kinds: which bot that is    - bot_loop: what all have in common
- paper_bot: fills by candles    - order_bot, order_keeping, order_desk, gate, brokers: orders that leave
- backtest_worker: the process of a backtest
- portal, reporter, outbox, syncing, left_over: the way to the ledger
- exchange, feed, lean_ccxt, exchange_clock, before_close: the way to the market
- settings, configuration, health, last_words, quick_start, story: what a pod needs
"""
