from pathlib import Path

import pytest

from strata import rules

from ..sample import Checkout, Rule

ROOT = Path(__file__).parents[4]


def test_the_minimal_repository_keeps_every_rule(checkout: Checkout) -> None:
    assert rules.check(checkout.root) == []


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_every_rule_says_what_it_is(rule: Rule) -> None:
    assert rule.__doc__.partition("\n")[0].endswith(".")


def test_this_repository_keeps_every_rule() -> None:
    found = rules.check(ROOT)
    assert not found, "\n".join(map(str, found))
