"""What the routes work with, made once at start."""

from dataclasses import dataclass

from tradewind_portal.auth.service import Auth
from tradewind_portal.auth.subject import Subject
from tradewind_portal.backtests.service import Backtests
from tradewind_portal.bots.service import Bots
from tradewind_portal.candles.service import CandleLibrary
from tradewind_portal.cluster.port import Cluster, Kind
from tradewind_portal.idempotency import Replays
from tradewind_portal.keys.service import Keys
from tradewind_portal.kill.service import KillSwitches
from tradewind_portal.leases.service import Leases
from tradewind_portal.ledger.identity import Identities
from tradewind_portal.ledger.service import Ledgers
from tradewind_portal.optimisations.service import Optimisations
from tradewind_portal.ratelimits import RateLimits
from tradewind_portal.results.service import Results
from tradewind_portal.settings import Settings
from tradewind_portal.store import Store
from tradewind_portal.strategies.service import Strategies
from tradewind_portal.tenants.scope import requests_per_minute
from tradewind_portal.tenants.service import Tenants
from tradewind_portal.tokens.service import Tokens

PLATFORM_REQUESTS_PER_MINUTE = 600


@dataclass(frozen=True, slots=True)
class Services:
    """One of each."""

    settings: Settings
    store: Store
    cluster: Cluster
    auth: Auth
    tokens: Tokens
    tenants: Tenants
    bots: Bots
    backtests: Backtests
    strategies: Strategies
    candles: CandleLibrary
    identities: Identities
    ledgers: Ledgers
    keys: Keys
    kill: KillSwitches
    leases: Leases
    results: Results
    optimisations: Optimisations
    rate_limits: RateLimits
    replays: Replays

    def allowed_rate(self, subject: Subject) -> int:
        """Return the requests a minute of the best plan that a person is in."""
        plans = [
            tenant["spec"]["plan"]
            for membership in subject.memberships
            if (tenant := self.cluster.cached(Kind.TENANT, membership.tenant))
        ]
        rates = [requests_per_minute(self.cluster, plan) for plan in plans]
        if subject.platform_role:
            rates.append(PLATFORM_REQUESTS_PER_MINUTE)
        return max(rates, default=requests_per_minute(self.cluster, ""))
