"""Trading as it happens, pure: state and candles in, ledger events out.

- identity: client order ids    - paper: a candle's close under the paper model `candle`    - risk: what may not be sent
- book: what a market shows and prints    - offers, resting, matching: what becomes of orders there
- commission: what fills cost
- sizing: how much, and where stops and targets lie    - standing: what a bot may do now
- orders: the life of an order    - rounding: an exchange's steps and bounds    - reconcile: ledger against exchange
"""
