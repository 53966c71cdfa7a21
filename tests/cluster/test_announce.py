"""The story that `kubectl describe` tells of a resource: in the order in which it happened, and in words."""

import os
import subprocess

import pytest
from apart import run_apart
from portal_cluster import GROUP, make_namespace

from tradewind_cluster.binaries import binary
from tradewind_kube.client import KubeClient
from tradewind_kube.configuration import load_configuration
from tradewind_operator.announce import SENTENCES, Announcer, event

NAMESPACE = "announced"
BOT = {
    "apiVersion": "tradewind.dev/v1alpha1",
    "kind": "TradingBot",
    "metadata": {"name": "bot"},
    "spec": {
        "strategy": {"template": "rsi"},
        "exchange": "simulated",
        "symbols": ["BTC/USDT"],
        "capital": {"currency": "USDT", "amount": "1000"},
    },
}
STORY = [
    ("Pending", "the pod has not been created yet"),
    ("Starting", "the pod is starting"),
    ("Trading", "Trading"),
    ("Halted", "MaxDrawdown: 12 % of 10 %"),
    ("Paused", "Paused"),
    ("Stopped", ""),
]


@pytest.fixture
def announced(api, control_plane):
    """A bot whose story has been told within a fraction of a second, and the kubeconfig of who reads it."""
    make_namespace(api, NAMESPACE)
    bot = api.call("POST", f"{GROUP}/namespaces/{NAMESPACE}/tradingbots", BOT)

    async def tell():
        async with KubeClient(load_configuration(str(control_plane.kubeconfig)), field_manager="test") as client:
            announcer = Announcer(client, "test")
            for reason, note in [*STORY, STORY[0]]:  # a word that comes again within a minute is not told again
                await announcer.tell("TradingBot", bot, reason, note, warning=reason == "Halted")

    run_apart(tell())
    return control_plane.kubeconfig


def test_kubectl_describe_tells_what_happened_in_its_order_and_in_words(announced):
    """No line says its reason twice: where the operator had no more to say, a sentence stands."""
    command = [str(binary("kubectl")), "describe", "tradingbot", "bot", "-n", NAMESPACE]
    environment = {**os.environ, "KUBECONFIG": str(announced)}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    table = told.stdout.partition("\nEvents:")[2].splitlines()[3:]
    lines = [line.split(maxsplit=4) for line in table]
    assert [reason for reason, _ in STORY] == [reason for _, reason, *_ in lines]
    assert "Warning" == lines[3][0]
    notes = [note for *_, note in lines]
    assert [STORY[0][1], STORY[1][1], SENTENCES["TradingBot", "Trading"], STORY[3][1]] == notes[:4]
    assert not {reason for reason, _ in STORY} & set(notes)


def test_a_word_that_nobody_wrote_a_sentence_for_is_a_sentence_all_the_same():
    """And a name as long as can be leaves room for the time."""
    resource = {"metadata": {"name": "a" * 199 + "." + "b" * 53, "uid": "u"}}
    told = event("Tenant", resource, "Merging", "Merging", instance="i", at_ns=1_800_000_000_000_000_000, warning=False)
    assert "the state is Merging" == told["note"]
    assert "a" * 199 + ".18fae27693b40000" == told["metadata"]["name"]
