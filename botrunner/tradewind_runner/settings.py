"""Settings of a runner's pod, from the environment: TRADEWIND_RUNNER_*."""

import os
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

VERSION, PREFIX = "0.1.0", "TRADEWIND_RUNNER_"


class RunnerSettings(BaseModel):
    """Where things are. What to do stands in the configuration file.

    Read without pydantic-settings, which operator, portal and simulator use: it takes 15 ms of each bot's start.
    """

    model_config = ConfigDict(frozen=True)

    portal_url: str = Field(default="http://127.0.0.1:8001", description="The runner side of the portal.")
    portal_ca: str = Field(default="", description="Certificate (PEM) that an https portal is known by; empty: the system's.")
    config: Path = Field(default=Path("/etc/tradewind/bot.json"), description="What this pod is told.")
    token_file: Path = Field(default=Path("/var/run/secrets/tradewind/token"), description="Proof of the pod's identity.")
    state_dir: Path = Field(default=Path("/var/lib/tradewind"), description="Outbox; may be lost with the pod.")
    cpus: int = Field(default=0, ge=0, description="Threads of an optimisation; 0 means one for each processor.")
    shard: int = Field(default=0, ge=0, description="Which shard of an optimisation this pod works on.")
    metrics_port: int = Field(default=9090, description="Port of metrics and probes.")
    termination_log: Path = Field(default=Path("/dev/termination-log"), description="Where the last words go.")

    @classmethod
    def from_environment(cls) -> Self:
        """Return what the environment says, and the defaults. Raises pydantic.ValidationError."""
        variables = {name: f"{PREFIX}{name.upper()}" for name in cls.model_fields}
        return cls.model_validate({name: os.environ[key] for name, key in variables.items() if key in os.environ})
