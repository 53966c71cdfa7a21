"""What an operation is to everyone who does not compute it: ports, parameters, lookback, version.

The operator validates strategies with these, the builder draws them, the documentation lists them. The engine binds the
arithmetic by name; a test asserts that both tables name the same operations.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

SeriesType = Literal["number", "boolean"]
Parameters = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that a document may set. `default` None means that the document must set it; `step` is for tuning."""

    name: str
    minimum: float
    maximum: float
    default: float | None
    step: float
    integer: bool = False
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the strategy language.

    Attributes:
        inputs: Types of the inputs in order; with `variadic` the last one repeats.
        optional_inputs: How many inputs at the end may be left out (a comparison takes `value` instead).
        ports: Names of the inputs where their order is not plain.
        outputs: Names of the outputs; a node with one output is referred to by its id alone.
        lookback: Candles that one value needs, itself included, from the parameters.
        clock: Whether the engine hands it the open times of the candles before its inputs.
        version: Part of the digest of every document that uses the operation; raised when its numbers change.
        phrase: How a person says it, with {0} {1} for inputs and {name} for parameters; what joins the inputs of a variadic
            one. Left out, it is its name and parameters.
    """

    name: str
    summary: str
    inputs: tuple[SeriesType, ...]
    output: SeriesType
    lookback: Callable[[Parameters], int]
    parameters: tuple[Parameter, ...] = ()
    outputs: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    variadic: bool = False
    optional_inputs: int = 0
    clock: bool = False
    version: int = 1
    phrase: str = ""

    def parameter(self, name: str) -> Parameter | None:
        """Return the parameter called `name`, or None."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)


def integer(name: str, default: int, *, minimum: int = 1, maximum: int = 1000, meaning: str = "") -> Parameter:
    """Return a whole-number parameter that counts candles."""
    return Parameter(name, minimum, maximum, default, 1, integer=True, meaning=meaning or "candles")


def number(name: str, default: float | None, *, minimum: float, maximum: float, step: float, meaning: str) -> Parameter:
    """Return a parameter that may be any finite number between `minimum` and `maximum`."""
    return Parameter(name, minimum, maximum, default, step, meaning=meaning)
