"""A strategy document over candles.

- evaluate: every node as a series        - layers: timeframes longer than the document's
- stepper: the same candle by candle      - follow: a bot's windows, each candle taken in once
- decide: what to do at the close of the newest candle of a window
"""
