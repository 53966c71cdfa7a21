"""The table of all custom resources."""

from tradewind_api.backtest import BACKTEST
from tradewind_api.bot import TRADING_BOT
from tradewind_api.plan import PLAN
from tradewind_api.resources import Kind
from tradewind_api.strategy import STRATEGY
from tradewind_api.tenant import TENANT

KINDS: tuple[Kind, ...] = (TRADING_BOT, BACKTEST, STRATEGY, TENANT, PLAN)
