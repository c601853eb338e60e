"""What the disk refuses is told in our words, not in those of the library that wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tradewind.errors import TradewindError
from tradewind.market.tables import write_parquet

COLUMNS = {"price": np.arange(1_000)}


def refused(path):
    with pytest.raises(TradewindError) as caught:
        write_parquet(path, COLUMNS)
    return caught.value


def test_a_full_disk_is_told_as_one():
    error = refused(Path("/dev/full"))
    assert (error.code, error.message, error.where) == (
        "DISK_FULL",
        "the disk is full; nothing was left behind",
        "/dev/full",
    )


def test_what_else_the_system_refuses_is_told_as_what_it_is(tmp_path):
    error = refused(tmp_path / "absent" / "a.parquet")
    assert (error.code, error.message) == ("PATH_INVALID", "cannot write: No such file or directory")
