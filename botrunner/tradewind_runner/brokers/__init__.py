"""Where a bot's orders go: one protocol, two brokers.

- port: the protocol                       - errors: what a broker may raise, and what each obliges to
- ccxt: any spot exchange of ccxt          - ccxt_client, ccxt_answers: its requests, and its answers read strictly
- classify: what a failed request means    - dialects: how exchanges spell our order ids
- limiter: how fast, and what goes first   - user_stream: order events of Binance
"""
