"""Pictures that are drawn without a script say what the numbers say."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tradewind.report.drawings import return_histogram


def drawn(returns):
    picture = str(return_histogram(np.array(returns, dtype=np.float64), None))
    bars = re.findall(r"<g><title>(.*?)</title>(.*?)</g>", picture)
    parts = {title: re.findall(r'height="([\d.]+)"[^>]* class="(\w+)"', body) for title, body in bars}
    assert len(parts) == len(bars) > 4
    return parts


def test_days_without_any_change_are_neither_gains_nor_losses():
    told = drawn([0.0] * 6 + [0.001] * 3 + [-0.01, 0.02])
    (title,) = [title for title in told if "without any change" in title]
    assert "9 days, 6 of them without any change" in title
    (still, gained) = told[title]
    assert (still[1], gained[1]) == ("flat", "gain")
    assert float(still[0]) == pytest.approx(2 * float(gained[0]), abs=0.02)
    kinds = {kind for title, parts in told.items() for _, kind in parts}
    assert kinds == {"flat", "gain", "loss"}


def test_without_such_days_no_bar_has_a_third_colour():
    told = drawn([0.001, -0.01, 0.02, -0.02, 0.01])
    assert {kind for parts in told.values() for _, kind in parts} == {"gain", "loss"}
    assert not any("without any change" in title for title in told)
