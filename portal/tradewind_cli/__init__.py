"""`tw`, the command line of traders.

- main: the table of commands         - output: table, JSON, YAML
- backtest, local_backtest: runs here and in the cluster
- client, profile: the portal's API   - login, bots, data: one group of commands a file
"""
