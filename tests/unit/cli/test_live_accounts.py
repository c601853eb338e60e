"""What a session file says of accounts reaches the live loop as it is written."""

import pytest

from tradewind.cli.live_accounts import live_rules
from tradewind.config import session_from


@pytest.mark.parametrize("external", ["adopt", "ignore", "halt"])
def test_the_policy_for_what_is_not_ours_is_that_of_the_file(external):
    market = {"venue": "blofin_swap", "symbols": ["BTC-USDT"], "bars": "1m"}
    terms = {"strategy": "ema_cross", "accounts": ["main"], "external": external, "reconcile_every_s": 12.5}
    rules = live_rules(session_from(terms | {"market": market}).config, warm_bars=3)
    assert rules.policy.external == external
    assert (rules.reconcile_ns, rules.warm_bars) == (12_500_000_000, 3)
