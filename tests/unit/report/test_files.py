"""A run folder that is not whole is refused with a code and the file that is at fault."""

from __future__ import annotations

import numpy as np
import pytest

from tradewind.errors import DataUnfit, NotFound
from tradewind.report import load_run, read_stored, write_metrics

TABLES = ("fills", "funding", "equity", "orders", "refused")


@pytest.fixture
def folder(builders, tmp_path):
    return builders.write_run(tmp_path / "run", equity=builders.curve([1000.0, 1010.0]))


def refused(error, code, *words):
    assert error.value.code == code
    for word in words:
        assert word in error.value.render()


def test_absent_run_is_unknown(tmp_path):
    for read in (load_run, read_stored, write_metrics):
        with pytest.raises(NotFound) as error:
            read(tmp_path / "none")
        refused(error, "RUN_UNKNOWN", "none")


@pytest.mark.parametrize("name", [*(f"{table}.parquet" for table in TABLES), "run.toml", "checks.json"])
@pytest.mark.parametrize("harm", ["missing", "garbage", "empty"])
def test_damaged_file_is_named(folder, name, harm):
    path = folder / name
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(b"\x00\xff not this" if harm == "garbage" else b"")
    if name == "run.toml" and harm == "empty":
        assert load_run(folder).settings == {}
        return
    with pytest.raises(DataUnfit) as error:
        load_run(folder)
    refused(error, "RUN_DAMAGED", name)
    assert not (folder / "metrics.json").exists()


def test_missing_column_is_named(folder, builders):
    builders.write_table(folder / "equity.parquet", {"ts_ns": np.array([1])}, {})
    with pytest.raises(DataUnfit) as error:
        load_run(folder)
    refused(error, "RUN_DAMAGED", "balance", "equity.parquet")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_number_that_is_none_is_refused(folder, builders, bad):
    builders.write_run(folder, equity=builders.curve([1000.0, bad]))
    with pytest.raises(DataUnfit) as error:
        load_run(folder)
    refused(error, "RUN_DAMAGED", "row 1")


def test_time_that_goes_back_is_refused(folder, builders):
    table = builders.curve([1000.0, 1010.0])
    builders.write_run(folder, equity={name: column[::-1] for name, column in table.items()})
    with pytest.raises(DataUnfit) as error:
        load_run(folder)
    refused(error, "RUN_DAMAGED", "back in time")


def test_decimal_columns_read_like_doubles(folder, builders):
    kinds = dict.fromkeys(("balance", "equity", "unrealized_pnl", "margin_used"), "DECIMAL(28, 8)")
    builders.write_table(folder / "equity.parquet", builders.curve([1000.125, 1010.00000001]), kinds)
    assert load_run(folder).equity.equity.tolist() == [1000.125, 1010.00000001]


def test_optional_columns_may_be_absent_or_empty(folder, builders):
    fills = builders.fill_rows((0, "B", "buy", None, 100.0, 1.0, 0.0, 0.0, "open"))
    del fills["tag"]
    builders.write_table(folder / "fills.parquet", fills, builders.FILL_COLUMNS)
    found = load_run(folder).fills
    assert (found.position_side, found.tag) == (("long",), ("",))


def test_stored_run_without_metrics_says_which_file_is_missing(folder):
    with pytest.raises(DataUnfit) as error:
        read_stored(folder)
    refused(error, "RUN_DAMAGED", "metrics.json")


def test_symbols_are_those_of_the_settings_then_those_that_traded(folder, builders):
    fills = builders.fill_rows((0, "Z", "buy", "long", 1.0, 1.0, 0.0, 0.0, "open"))
    settings = 'strategy = "s"\n[market]\nsymbols = ["A", "B"]\n'
    builders.write_run(folder, fills=fills, settings=settings, equity=builders.curve([500.0]))
    run = load_run(folder)
    assert run.symbols == ("A", "B", "Z")
    assert run.start_equity == 500.0
