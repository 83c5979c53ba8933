"""What customers read is there in English and in Georgian, with the same facts."""

import re
from string import Formatter

import pytest

from echodesk_billing.domain.orders.response_codes import RESPONSE_CODES
from echodesk_billing.entrypoints.http.messages import _TEXTS, say


@pytest.mark.parametrize("key", _TEXTS)
def test_every_message_states_the_same_facts_in_both_languages(key: str) -> None:
    english, georgian = ({name for _, name, _, _ in Formatter().parse(text) if name} for text in _TEXTS[key])
    assert english == georgian
    assert re.search("[ა-ჰ]", _TEXTS[key][1])


def test_other_languages_are_answered_in_english() -> None:
    assert say("de", "ended") == say("en", "ended") != say("ka", "ended")


def test_every_response_code_has_a_georgian_text() -> None:
    assert all(re.search("[ა-ჰ]", code.georgian) for code in RESPONSE_CODES.values())
