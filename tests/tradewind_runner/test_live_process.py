"""A live bot's process, the real one, on the real simulated exchange: real sockets, signed orders, and what goes wrong."""

import signal

import pytest
from bot_world import answers, wait_for
from live_world import KEY, SECRET, LiveWorld, check_against_exchange


@pytest.fixture
def world(tmp_path):
    found = LiveWorld(tmp_path)
    yield found
    found.close()


def test_a_live_bot_buys_and_sells_and_says_good_bye(world):
    """Its fills are the exchange's; it leaves nothing open, a receipt, and its key nowhere."""
    bot = world.start_bot()
    wait_for(lambda: len(world.portal.of_type("Filled")) >= 2, 40)
    assert "ok" == answers(f"http://127.0.0.1:{world.metrics}/readyz")
    metrics = answers(f"http://127.0.0.1:{world.metrics}/metrics")
    assert "tradewind_bot_order_ack_seconds_count" in metrics
    bot.send_signal(signal.SIGTERM)
    assert 0 == bot.wait(20)
    assert ("Stopped", True) == (world.words(0)["code"], world.words(0)["receipt"])
    check_against_exchange(world)
    for place in (metrics, (world.folder / "bot-0.log").read_text(), str(world.portal.events), str(world.words(0))):
        assert KEY not in place
        assert SECRET not in place
