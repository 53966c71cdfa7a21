"""Settings of the simulator, from the environment (TRADEWIND_SIMULATOR_*) or the command line, by the same names."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class SimulatorSettings(BaseSettings):
    """How the simulated exchange is set up."""

    model_config = SettingsConfigDict(
        env_prefix="TRADEWIND_SIMULATOR_", cli_prog_name="tradewind_simulator", cli_kebab_case=True, cli_hide_none_type=True
    )

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=9000, ge=0, le=65535, description="Port of the exchange's interface.")
    control_port: int = Field(default=9001, ge=0, le=65535, description="Port of status, candles, clock, probes.")
    seed: int = Field(default=7, ge=0, description="Seed of the markets that are made.")
    symbols: list[str] = Field(default=["BTC/USDT", "ETH/USDT", "SOL/USDT"], description="Symbols that are made.")
    speed: float = Field(default=1.0, gt=0, le=100_000, description="Exchange seconds per wall second.")
    epoch_ms: float = Field(default=0, ge=0, description="Wall time at which virtual time is start-ms; 0: now.")
    start_ms: float = Field(default=0, ge=0, description="Virtual time at the epoch; 0: the epoch itself, or the file's own.")
    data: Path | None = Field(default=None, description="Candle file (CSV or Parquet) to replay.")
    symbol: str = Field(default="BTC/USDT", description="Symbol of the candle file.")
    state_dir: Path = Field(default=Path("data/simulator"), description="Where candles that are put are kept.")
