"""An exchange simulator that speaks the Binance spot dialect: unmodified clients trade on it.

- clock: virtual time                      - market/seeded, market/recorded: where candles come from
- market/books: depth and printed trades   - events: orders and balances, as they change
- symbols: trading rules                   - klines: rows as the exchange sends them
- dialect, errors: answers and refusals    - rest, market_calls: the exchange's own interface
- streams: market data over WebSocket      - market/depth, market/statistics: how books change, 24 hours
- accounts, parameters, filters, limits, signing: who may place what
- floor, desk, records: what becomes of it - calls, rest_account, gateway: the signed interface, and all requests' way in
- faults, journal: what goes wrong on purpose, and what happened
- wsapi: orders and the user's events over WebSocket
- control, control_trading: status, candles, clock, accounts, faults for those who run it
- settings, __main__: the process
"""
