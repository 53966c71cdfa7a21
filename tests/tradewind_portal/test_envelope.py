"""The envelope: opens in its own place with its own key, and nowhere else."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tradewind_portal.keys.envelope import EnvelopeError, Envelopes, NoOuterKeyError, Place, Sealed

PLACE = Place("tenant-1", "key-1", 1)
SECRET = b"canary-7a81"


def key(byte: str) -> str:
    return base64.b64encode(byte.encode() * 32).decode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "kek.json"
    path.write_text(json.dumps({"k1": key("1")}))
    return path


def test_what_was_sealed_opens_and_shows_nothing(file: Path):
    """The stored form has no byte of the secret in clear, and is another each time."""
    envelopes = Envelopes(file)
    first, second = envelopes.seal(SECRET, PLACE), envelopes.seal(SECRET, PLACE)
    assert SECRET == envelopes.open(first, PLACE)
    assert SECRET not in base64.b64decode(first.content)
    assert first.content != second.content
    assert first.wrapped_key != second.wrapped_key


@pytest.mark.parametrize("other", [replace(PLACE, tenant_uid="t2"), replace(PLACE, key_id="k2"), replace(PLACE, version=2)])
def test_a_row_that_was_moved_does_not_open(file: Path, other: Place):
    """Not for another tenant, not as another key, not as another version."""
    sealed = Envelopes(file).seal(SECRET, PLACE)
    with pytest.raises(EnvelopeError):
        Envelopes(file).open(sealed, other)


def test_parts_of_two_keys_do_not_make_one(file: Path):
    """The data key of one does not open the content of the other, even in the same place."""
    one, two = (Envelopes(file).seal(SECRET, PLACE) for _ in range(2))
    with pytest.raises(EnvelopeError):
        Envelopes(file).open(Sealed(one.kek_id, one.wrapped_key, two.content), PLACE)


@pytest.mark.parametrize("part", ["wrapped_key", "content"])
def test_one_changed_bit_anywhere_is_found(file: Path, part: str):
    """In nonce, content or tag of either layer."""
    sealed = Envelopes(file).seal(SECRET, PLACE)
    raw = bytearray(base64.b64decode(getattr(sealed, part)))
    for index in range(len(raw)):
        raw[index] ^= 1
        with pytest.raises(EnvelopeError):
            Envelopes(file).open(replace(sealed, **{part: base64.b64encode(raw).decode()}), PLACE)
        raw[index] ^= 1


def test_an_outer_key_is_replaced_without_opening_a_secret(file: Path):
    """New in front, wrapped anew, old one away: it opens; what was not wrapped anew no longer does."""
    sealed = Envelopes(file).seal(SECRET, PLACE)
    file.write_text(json.dumps({"k2": key("2"), "k1": key("1")}))
    assert SECRET == Envelopes(file).open(sealed, PLACE)
    wrapped = Envelopes(file).rewrap(sealed, PLACE)
    assert ("k2", sealed.content) == (wrapped.kek_id, wrapped.content)
    file.write_text(json.dumps({"k2": key("2")}))
    assert SECRET == Envelopes(file).open(wrapped, PLACE)
    with pytest.raises(EnvelopeError, match="k1"):
        Envelopes(file).open(sealed, PLACE)


@pytest.mark.parametrize(
    "content", ["", "nothing", "[]", "{}", '{"k1": "short"}', '{"k1": 7}', '{"k1": "####"}', '{"k1": "' + key("1")[:-4] + '"}']
)
def test_a_file_of_no_use_is_named(file: Path, content: str):
    """Every form of it, with the file's name and without what is in it."""
    file.write_text(content)
    with pytest.raises(NoOuterKeyError, match=re.escape("kek.json")) as caught:
        Envelopes(file).seal(SECRET, PLACE)
    assert key("1")[:-4] not in str(caught.value)


def test_without_a_file_nothing_is_sealed(tmp_path: Path):
    """Not set, and not there."""
    for file in (None, tmp_path / "none.json"):
        with pytest.raises(NoOuterKeyError):
            Envelopes(file).seal(SECRET, PLACE)
