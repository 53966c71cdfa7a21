"""What a bot may do, of all that can be known about it: every single fact, and all of them together."""

import pytest

from tradewind_engine.trading.standing import Facts, Standing, standing


def test_nothing_to_say_is_active():
    assert Standing("Active") == standing(Facts())
    assert standing(Facts()).blocked is None


@pytest.mark.parametrize(
    ("fact", "state", "reason"),
    [
        ({"halted": "MaxDrawdown"}, "Halted", "Halted: MaxDrawdown"),
        ({"refused": "the key was revoked"}, "Halted", "Refused: the key was revoked"),
        ({"unsafe": "CredentialsUnsafe: the key can withdraw"}, "Halted", "Refused: CredentialsUnsafe: the key can withdraw"),
        ({"unchecked": "CredentialsUnchecked: not asked yet"}, "Reducing", "CredentialsUnchecked: not asked yet"),
        ({"kill": ["bot", "tenant"]}, "Reducing", "Killed: bot, tenant"),
        ({"lease_ended": True}, "Reducing", "LeaseEnded: the portal has not renewed the lease"),
        ({"run_policy": "Paused"}, "Reducing", "Paused"),
        ({"run_policy": "Stopped"}, "Reducing", "Stopped"),
        ({"close_now": True}, "Reducing", "CloseNow"),
        ({"update_pending": True}, "Reducing", "UpdatePending"),
        ({"gate": "1 BTC is missing"}, "Reducing", "Unreconciled: 1 BTC is missing"),
        ({"disk": "the disk is full"}, "Reducing", "DiskFull: the disk is full"),
        ({"data": "silent for 30 s"}, "Reducing", "StaleData: silent for 30 s"),
    ],
)
def test_any_single_fact_stops_entries(fact, state, reason):
    """And the trader reads which it is."""
    found = standing(Facts(**fact))
    assert (state, (reason,)) == (found.state, found.reasons)
    assert reason == found.blocked


def test_the_worst_wins_and_every_reason_is_kept():
    """A person who ends the halt should know that the bot is paused too."""
    found = standing(Facts(halted="MaxDailyLoss", run_policy="Paused", data="old"))
    assert "Halted" == found.state
    assert ("Halted: MaxDailyLoss", "Paused", "StaleData: old") == found.reasons
