"""Client order ids in every exchange's spelling, and back."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewind_engine.trading.identity import ALPHABET, CHARACTERS
from tradewind_runner.brokers.dialects import DIALECTS, REFUSED, dialect_of

pytestmark = pytest.mark.slow

CIDS = st.text(ALPHABET, min_size=CHARACTERS, max_size=CHARACTERS)


@pytest.mark.parametrize("ccxt_id", sorted(DIALECTS))
@given(cid=CIDS)
def test_an_id_survives_every_spelling(ccxt_id, cid):
    """At most 36 characters, and recognised as ours when it comes back."""
    dialect = dialect_of(ccxt_id)
    assert cid == dialect.read(dialect.spell(cid))
    assert len(dialect.spell(cid)) <= 36


@given(cid=CIDS)
def test_a_uuid_is_one_of_version_four(cid):
    assert (4, uuid.RFC_4122) == ((found := uuid.UUID(dialect_of("coinbase").spell(cid))).version, found.variant)


def test_a_uuid_of_somebody_else_stays_what_it_is():
    foreign = "123e4567-e89b-42d3-a456-426614174000"
    assert foreign == dialect_of("coinbase").read(foreign)
    assert "web_1" == dialect_of("coinbase").read("web_1")


@pytest.mark.parametrize("ccxt_id", [*sorted(REFUSED), "whitebit", "binanceusdm"])
def test_an_exchange_that_is_known_not_to_do_or_is_not_known_is_refused(ccxt_id):
    with pytest.raises(ValueError, match="cannot be traded on"):
        dialect_of(ccxt_id)
