"""Exits, pauses and sectors of a file: what contradicts itself is refused, and the house's rules hold."""

import pytest

from tradewind.config import Exits, Limits, SectorLimits
from tradewind.config.sectors import SECTORS, coin_of, sector_of


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"profit_lock_from_pct": 2.0}, "CONFIG_CONFLICT"),
        ({"profit_lock_back_pct": 2.0}, "CONFIG_CONFLICT"),
        ({"profit_lock_from_pct": 2.0, "profit_lock_back_pct": 3.0}, "CONFIG_CONFLICT"),
        ({"stop_loss_pct": 0.0}, None),
        ({"max_age": "soon"}, "TIMEFRAME_INVALID"),
    ],
)
def test_exits_that_mean_nothing_are_refused(values: dict, code: str | None) -> None:
    with pytest.raises(ValueError) as refused:
        Exits(**values)
    error = refused.value.errors()[0]
    assert code is None or error["ctx"]["code"] == code


@pytest.mark.parametrize(
    ("terms", "name", "value"), [(Exits, "max_age", "soon"), (Limits, "loss_day_pause", "never")]
)
def test_what_is_no_length_of_time_is_not_told_as_one_of_a_bar(terms: type, name: str, value: str) -> None:
    with pytest.raises(ValueError) as refused:
        terms(**{name: value})
    told = refused.value.errors()[0]
    assert "is no length of time" in told["msg"] + str(told["ctx"])
    assert "such as 12h" in told["ctx"]["hint"]


def test_who_guards_is_what_is_written_else_the_core_where_there_is_anything_to_guard() -> None:
    assert Exits().guarded_by(None) == "none"
    assert Exits(max_age="4h").guarded_by(None) == "watched"
    assert Exits(max_age="4h").guarded_by("resting") == "resting"


def test_a_sector_that_no_coin_is_in_is_refused_and_one_of_the_files_own_is_not() -> None:
    limit = SectorLimits(max_positions=1)
    with pytest.raises(ValueError, match="refused") as refused:
        Limits(sectors={"memes": limit})
    assert "meme" in refused.value.errors()[0]["ctx"]["hint"]
    Limits(sectors={"memes": limit, "l1": limit}, coins={"PEPE": "memes"})
    with pytest.raises(ValueError):
        SectorLimits()


@pytest.mark.parametrize(
    ("base", "own", "sector"),
    [
        ("BTC", {}, "mega"),
        ("1000PEPE", {}, "meme"),
        ("1MBABYDOGE", {"BABYDOGE": "meme"}, "meme"),
        ("kBONK", {}, "meme"),
        ("1INCH", {}, "defi"),
        ("BTC", {"BTC": "gold"}, "gold"),
        ("NOBODYKNOWS", {}, None),
    ],
)
def test_the_sector_of_a_coin_is_what_the_file_says_else_what_is_well_known(
    base: str, own: dict, sector: str | None
) -> None:
    assert sector_of(base, own) == sector


def test_no_coin_is_in_two_sectors() -> None:
    coins = [coin for members in SECTORS.values() for coin in members]
    assert len(coins) == len(set(coins))
    assert all(coin_of(coin) == coin for coin in coins)


def test_the_houses_limits_tighten_and_its_pauses_lengthen() -> None:
    own = Limits(
        max_positions=5,
        drawdown_pct=20.0,
        drawdown_pause="1h",
        loss_streak=4,
        sectors={"meme": SectorLimits(max_exposure_x=0.5)},
        coins={"PEPE": "l1"},
    )
    house = Limits(
        max_positions=3,
        drawdown_pct=30.0,
        drawdown_pause="4h",
        loss_day_pct=5.0,
        loss_day_pause="2h",
        sectors={
            "meme": SectorLimits(max_exposure_x=0.8, max_positions=2),
            "l2": SectorLimits(max_positions=1),
        },
        coins={"PEPE": "meme"},
    )
    both = own.tightened(house)
    assert (both.max_positions, both.drawdown_pct, both.drawdown_pause) == (3, 20.0, "4h")
    assert (both.loss_streak, both.loss_streak_pause, both.loss_day_pause) == (4, None, "2h")
    assert both.sectors["meme"] == SectorLimits(max_exposure_x=0.5, max_positions=2)
    assert (both.sectors["l2"].max_positions, both.coins) == (1, {"PEPE": "meme"})
    waits = own.tightened(Limits(drawdown_pct=10.0))
    assert waits.drawdown_pause is None, "the house waits for an operator"


def test_a_sectors_exposure_is_bounded_by_what_the_leverage_reaches() -> None:
    limits = Limits(sectors={"meme": SectorLimits(max_exposure_x=5.0)})
    assert limits.fitting(["BTCUSDT"], 2.0).sectors["meme"].max_exposure_x == 2.0
