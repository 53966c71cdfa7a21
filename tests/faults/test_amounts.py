"""F21-F22: what the account does not have, and what the market does not take. The real process."""

import signal
from decimal import Decimal

import pytest
from bot_world import UID, wait_for
from faults.matrix import BTC
from live_world import holding

from tradewind_engine.trading.identity import client_order_id

pytestmark = pytest.mark.slow
STEP = Decimal("0.00001")


def ends_well(live, bot):
    bot.send_signal(signal.SIGTERM)
    assert 0 == bot.wait(30)
    live.check()


def test_f21_an_account_that_has_less_than_was_bought(live):
    """The fee went off what was bought, and somebody takes a tenth: the rest is sold to the last step, dust is written off."""
    live.configure(strategy=holding(), stopPolicy="CancelOrdersAndClosePositions")
    no_stop = {"type": "answer", "status": 400, "body": {"code": -1013, "msg": "Filter failure: PERCENT_PRICE_BY_SIDE"}}
    second = {"method": "POST", "path": "/api/v3/order", "cid": client_order_id(UID, 1, 2)}
    live.control_call("PUT", "faults", [{"match": second, "action": no_stop}])  # so that nothing locks what was bought
    bot = live.start_bot()
    wait_for(lambda: len(live.portal.of_type("Closed")) == 2, 60)
    held = live.state().positions[BTC].amount
    assert sum(Decimal(item.data["amount"]) for item in live.portal.of_type("Filled")) > held
    taken = held / 10 // STEP * STEP
    by_hand = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": str(taken)}
    live.control_call("POST", f"accounts/{live.account}/orders", by_hand)
    ends_well(live, bot)
    rest = (held - taken) // STEP * STEP
    sales = [order for order in live.ours() if order["side"] == "SELL"]
    assert [rest] == [Decimal(order["executedQty"]) for order in sales]
    adjusted = [
        (item.data["reason"].partition(":")[0], Decimal(item.data["amount"])) for item in live.portal.of_type("Adjusted")
    ]
    dust = held - taken - rest
    assert [("Reconciled", -taken)] + [("Dust", -dust)] * (dust > 0) == adjusted


def test_f22_capital_below_the_smallest_order(live):
    """Nothing is sent, and each decision to buy says why not, from when it is known what the key may do."""
    live.configure(capital={"currency": "USDT", "amount": "4"})
    bot = live.start_bot()

    def blocked():
        entries = [item.data["blocked"] for item in live.portal.of_type("Decision") if item.data["action"] == "Enter"]
        return [reason.partition(":")[0] for reason in entries]

    wait_for(lambda: "BelowMinimum" in blocked(), 60)
    on_time = [reason for reason in blocked() if reason != "Late"]  # as two candles are after 0.2 s of a busy machine
    assert {"BelowMinimum"} == set(on_time[on_time.index("BelowMinimum") :])
    assert {"CredentialsUnchecked", "BelowMinimum"} >= set(on_time)
    ends_well(live, bot)
    assert [] == [entry for entry in live.requests() if entry["method"] == "POST"]
