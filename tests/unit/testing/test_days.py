"""What hangs on an object is weighed without asking it anything."""

from __future__ import annotations

import weakref

from tradewind.testing.days import weight


class Thing:
    pass


def test_a_proxy_of_what_is_gone_is_weighed_like_anything_else():
    keeper, gone = Thing(), Thing()
    keeper.proxy = weakref.proxy(gone)
    keeper.more = [1.5] * 3
    before = weight(keeper)
    del gone
    assert weight(keeper) == before
    keeper.more.append(2.5)
    assert weight(keeper)[0] == before[0] + 1
