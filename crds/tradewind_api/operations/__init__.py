"""The operations of the strategy language: one family a file, one explicit table of all.

- declaration: what a declaration says    - averages, oscillators, bands, volatility, arithmetic: series of numbers
- comparisons, logic, gates: yes or no
"""

from tradewind_api.operations.arithmetic import ARITHMETIC
from tradewind_api.operations.averages import AVERAGES
from tradewind_api.operations.bands import BANDS
from tradewind_api.operations.comparisons import COMPARISONS
from tradewind_api.operations.declaration import Operation
from tradewind_api.operations.gates import GATES
from tradewind_api.operations.logic import LOGIC
from tradewind_api.operations.oscillators import OSCILLATORS
from tradewind_api.operations.volatility import VOLATILITY

OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for family in (ARITHMETIC, AVERAGES, OSCILLATORS, BANDS, VOLATILITY, COMPARISONS, LOGIC, GATES)
    for operation in family
}
PRICES = ("open", "high", "low", "close", "volume")
