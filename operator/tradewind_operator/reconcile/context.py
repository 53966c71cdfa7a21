"""What every reconcile is given."""

from dataclasses import dataclass

from tradewind_kube.client import KubeClient
from tradewind_operator.announce import Announcer
from tradewind_operator.settings import OperatorSettings
from tradewind_operator.world import World


@dataclass(frozen=True, slots=True)
class Context:
    """Client, caches, settings, and the voice."""

    client: KubeClient
    world: World
    settings: OperatorSettings
    announcer: Announcer
