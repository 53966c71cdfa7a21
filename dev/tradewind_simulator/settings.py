"""Settings of the simulator, from the environment (TRADEWIND_SIMULATOR_*) or the command line, by the same names."""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class SimulatorSettings(BaseSettings):
    """How the simulated exchange is set up."""

    model_config = SettingsConfigDict(
        hide_input_in_errors=True,  # accounts have secrets
        env_prefix="TRADEWIND_SIMULATOR_",
        cli_prog_name="tradewind_simulator",
        cli_kebab_case=True,
        cli_hide_none_type=True,
    )

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=9000, ge=0, le=65535, description="Port of the exchange's interface.")
    control_port: int = Field(default=9001, ge=0, le=65535, description="Port of status, candles, clock, probes.")
    seed: int = Field(default=7, ge=0, description="Seed of the markets that are made.")
    volatility: float = Field(default=1.0, gt=0, le=10, description="How much they move: 1 is 0.04 % a minute.")
    symbols: list[str] = Field(default=["BTC/USDT", "ETH/USDT", "SOL/USDT"], description="Symbols that are made.")
    speed: float = Field(default=1.0, gt=0, le=100_000, description="Exchange seconds per wall second.")
    epoch_ms: float = Field(default=0, ge=0, description="Wall time at which virtual time is start-ms; 0: now.")
    start_ms: float = Field(default=0, ge=0, description="Virtual time at the epoch; 0: the epoch itself, or the file's own.")
    data: Annotated[list[Path], NoDecode] = Field(
        default=[],
        description="Files to replay, ':' between them: candles or trades (CSV, Parquet), recorded streams with snapshots.",
    )
    symbol: str = Field(default="BTC/USDT", description="Symbol of a file of candles or trades.")
    exchange_info: Path | None = Field(default=None, description="Recorded answer of exchangeInfo (JSON, plain or gzip).")
    accounts: dict[str, dict[str, Any]] = Field(
        default={}, description='Accounts as JSON: {"NAME": {"balances": {"USDT": "1000"}, "keys": [{"key", "secret"}]}}.'
    )
    weight_limit: int = Field(default=6000, ge=0, description="Request weight a minute and address; 0: any.")
    order_limit_10s: int = Field(default=100, ge=0, description="New orders of an account in 10 seconds; 0: any.")
    order_limit_day: int = Field(default=200_000, ge=0, description="New orders of an account in a day; 0: any.")
    socket_life_hours: float = Field(
        default=0, ge=0, description="After how many of its hours a socket ends; 0: 24, and ten minutes of the wall's at least."
    )
    state_dir: Path = Field(default=Path("data/simulator"), description="Where candles that are put are kept.")

    @field_validator("data", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Take several files as PATH does, from the environment and from the command line."""
        parts = [value] if isinstance(value, str) else value
        if isinstance(parts, list):
            return [name for part in parts for name in str(part).split(os.pathsep) if name]
        return value
