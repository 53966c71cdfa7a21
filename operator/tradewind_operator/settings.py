"""Settings of the operator, from the environment: TRADEWIND_OPERATOR_*."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from tradewind_api.runner import ExchangeConfig


class OperatorSettings(BaseSettings):
    """Everything that the platform engineer may set."""

    model_config = SettingsConfigDict(env_prefix="TRADEWIND_OPERATOR_", frozen=True)

    namespace: str = Field(default="tradewind", description="Namespace of operator and portal.")
    kubeconfig: str = Field(default="", description="File to reach the API server with; empty means the pod's own identity.")
    portal_url: str = Field(
        default="http://tradewind-portal-internal.tradewind.svc:8001", description="Where runners find the portal."
    )
    portal_ca: str = Field(default="", description="Certificate (PEM) that runners know an https portal by.")
    runner_image: str = Field(default="localhost/tradewind-runner:0.1.0", description="Image of bots.")
    backtest_image: str = Field(default="localhost/tradewind-backtest:0.1.0", description="Image of backtests.")
    image_pull_policy: str = Field(default="IfNotPresent", description="Always, IfNotPresent or Never.")
    exchanges: list[ExchangeConfig] = Field(default=[], description="Exchanges that the platform offers, as JSON.")
    metrics_port: int = Field(default=9090, description="Port of metrics and probes.")
    workers: int = Field(default=16, ge=1, le=200, description="Reconciles at once.")

    def exchange(self, name: str) -> ExchangeConfig | None:
        """Return the exchange called `name`, None if the platform does not offer it."""
        return next((exchange for exchange in self.exchanges if exchange.name == name), None)
