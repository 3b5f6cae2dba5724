"""What stands for a secret in logs, keys and rows."""

import pytest
from pytest_django import Settings

from config.hashing import hash_by_every_key, hash_secret


def test_the_same_text_always_has_the_same_stand_in() -> None:
    assert hash_secret("guest:guest-12345678") == hash_secret("guest:guest-12345678")


def test_different_texts_have_different_stand_ins() -> None:
    assert hash_secret("guest:guest-12345678") != hash_secret("guest:guest-12345679")


@pytest.mark.parametrize("text", ["", "guest-12345678", "雪" * 200])
def test_a_stand_in_is_24_hexadecimal_digits_that_hold_no_bit_of_the_text(text: str) -> None:
    stand_in = hash_secret(text)

    assert len(stand_in) == 24
    assert set(stand_in) <= set("0123456789abcdef")
    assert text == "" or text not in stand_in


def test_whoever_lacks_the_secret_key_cannot_test_guesses(settings: Settings) -> None:
    settings.SECRET_KEY = "one" * 20
    mine = hash_secret("guest-12345678")
    settings.SECRET_KEY = "two" * 20

    assert hash_secret("guest-12345678") != mine


def test_what_stood_for_a_text_under_an_older_key_is_still_known(settings: Settings) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "one" * 20, []
    before = hash_secret("guest-12345678")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "two" * 20, ["one" * 20]

    assert hash_by_every_key("guest-12345678") == [hash_secret("guest-12345678"), before]
