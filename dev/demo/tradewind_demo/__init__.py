"""What `make up` and `make down` do: a cluster, five images, the chart, and a demonstration that trades.

- __main__: the command line        - images: the five images, built where their content changed
- steps: progress on the screen     - release: the chart, installed with what it needs
- demo: tenant, candles, backtest, bot; and what came of them    - portal: the few requests of it
"""
