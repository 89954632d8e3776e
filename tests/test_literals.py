"""String literals of PromQL and of selectors: which characters an escape may stand for."""

from __future__ import annotations

import pytest

from promlatest._matching.literals import LiteralError, unquote


@pytest.mark.parametrize("code", [0xD7FF, 0xE000, 0x10FFFF], ids=hex)
def test_the_characters_beside_what_is_none(code: int) -> None:
    """The last character of all, and those around the surrogates, may be escaped."""
    assert unquote(f'"\\U{code:08x}"') == chr(code)


@pytest.mark.parametrize("code", [0xD800, 0xDFFF, 0x110000], ids=hex)
def test_a_code_that_no_character_has(code: int) -> None:
    """Surrogates and what lies behind the last character are refused, with the place of
    the escape."""
    with pytest.raises(
        LiteralError, match=f"no character has the code {code:#x}"
    ) as caught:
        unquote(f'"ab\\U{code:08x}"')

    assert caught.value.offset == 3
