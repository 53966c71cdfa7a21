"""The central service: people and pods meet here, and what happened is kept.

One process, one event loop, one DuckDB file. It holds no intent (custom resources do) and no live position (the exchange does).
"""

from importlib.metadata import version

VERSION = version("tradewind")
