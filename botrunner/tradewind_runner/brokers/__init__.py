"""Where a bot's orders go: one protocol, two brokers.

- port: the protocol                       - errors: what a broker may raise, and what each obliges to
- ccxt: any spot exchange of ccxt          - paper: our own matching on live market data
"""
