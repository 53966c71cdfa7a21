"""An exchange simulator that speaks the Binance spot dialect: unmodified clients trade on it.

- clock: virtual time                      - market/seeded, market/recorded: where candles come from
- market/books: depth and printed trades   - events: orders and balances, as they change
- symbols: trading rules                   - klines: rows as the exchange sends them
- rest: the exchange's own interface       - control: status, candles and clock for those who run it
- settings, __main__: the process
"""
