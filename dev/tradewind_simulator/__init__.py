"""An exchange simulator that speaks the Binance spot dialect: unmodified clients trade on it.

- clock: virtual time                      - market/seeded, market/recorded: where candles come from
- market/books: depth and printed trades   - events: orders and balances, as they change
- symbols: trading rules                   - klines: rows as the exchange sends them
- dialect: errors, answers, parameters     - rest, rest_market: the exchange's own interface
- streams: market data over WebSocket      - market/depth, market/statistics: how books change, 24 hours
- wsapi: orders and the user's events over WebSocket
- control: status, candles and clock for those who run it
- settings, __main__: the process
"""
