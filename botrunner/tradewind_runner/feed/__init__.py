"""Market data of one exchange: candles that are really closed, and the price now.

- candle_book: one symbol's candles from messages and answers; pure    - rest: by asking after each close
- stream: by WebSocket with a watchdog, asking where the stream leaves doubt    - pro: the WebSocket itself, through ccxt.pro
"""
