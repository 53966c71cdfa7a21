"""Settings of the portal: environment variables TRADEWIND_PORTAL_*, typed once.

Everything works without a variable on a machine with a kubeconfig; secrets have no default: what is missing is made at start
and, where a person needs it, printed once.
"""

import os
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from tradewind_api.runner import RUNNER_AUDIENCE, ExchangeConfig

MEBIBYTE = 1024 * 1024


def _address() -> str:
    return "0.0.0.0" if "KUBERNETES_SERVICE_HOST" in os.environ else "127.0.0.1"  # noqa: S104 - a pod serves its network


class Settings(BaseSettings):
    """What an administrator may set."""

    model_config = SettingsConfigDict(env_prefix="TRADEWIND_PORTAL_", env_ignore_empty=True, frozen=True)

    data_dir: Path = Field(default=Path("data"), description="Folder of trading_bot.duckdb and of imported candles.")
    address: str = Field(default_factory=_address, description="Address to listen on: all in a pod, 127.0.0.1 elsewhere.")
    public_port: int = Field(default=8000, ge=0, le=65535, description="Port of the public API; 0 takes any.")
    internal_port: int = Field(default=8001, ge=0, le=65535, description="Port for bots and backtests; 0 takes any.")
    internal_tls_cert: Path | None = Field(
        default=None, description="Certificate (PEM) of the internal port; with it and its key that port speaks TLS only."
    )
    internal_tls_key: Path | None = Field(default=None, description="Private key (PEM) of that certificate.")
    metrics_port: int = Field(default=9090, ge=0, le=65535, description="Port of /metrics; 0 takes any.")
    forwarded_allow_ips: str = Field(default="", description="Proxies, comma-separated, whose X-Forwarded-For is believed.")

    admin_user: str = Field(default="admin", description="Name of the first platform administrator.")
    admin_password: SecretStr | None = Field(default=None, description="His first password; made and printed once if absent.")
    jwt_keys: dict[str, SecretStr] = Field(
        default={},
        description="JSON {key id: secret of 32 characters or more}; the first signs. Made at each start if absent.",
    )
    kek_file: Path | None = Field(
        default=None,
        description="JSON file {id: base64 of 32 bytes} of the keys that exchange keys are sealed with; the first seals."
        " Without it no exchange keys are taken.",
    )

    exchanges: list[ExchangeConfig] = Field(default=[], description="JSON list of the exchanges that the platform offers.")
    egress_address: str = Field(
        default="",
        description="What exchanges see all pods come from, behind a NAT; empty: each node has an address of its own.",
    )
    token_audience: str = Field(default=RUNNER_AUDIENCE, description="Audience of the tokens of bots and backtests.")
    kubeconfig: str = Field(default="", description="Path of a kubeconfig; empty means in cluster, or else KUBECONFIG.")

    import_max_bytes: int = Field(default=256 * MEBIBYTE, ge=1024, description="Largest candle file accepted.")
    import_memory_mib: int = Field(default=1024, ge=256, description="Address space of the process that reads a candle file.")
    store_memory_mib: int = Field(default=256, ge=64, description="memory_limit of DuckDB.")
    store_threads: int = Field(default=2, ge=1, le=64, description="Threads of DuckDB.")
    read_threads: int = Field(default=4, ge=1, le=64, description="Queries at once, each on a cursor of its own.")
    query_seconds: float = Field(default=10, gt=0, description="A query that takes longer is interrupted.")
    min_free_mib: int = Field(default=256, ge=0, description="Below this much free disk imports are refused with 507.")
    login_attempts_per_minute: int = Field(default=10, ge=1, description="Logins an address may try in a minute.")
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Lowest level logged.")
