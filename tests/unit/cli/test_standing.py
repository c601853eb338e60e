"""What a running session says of itself, as a person reads it."""

from tradewind.cli.output import Output
from tradewind.cli.session import _show_standing

STANDING = {
    "now_ns": 1_704_067_200_000_000_000, "halts": [], "held": [],
    "positions": [
        {"strategy": "steady", "instrument": "BTC-USDT", "side": "long", "lots": 120, "quantity": "12.0"},
    ],
    "orders": [
        {"cid": 7, "instrument": "BTC-USDT", "state": "LIVE", "kind": "STOP", "side": "sell", "reduce": True,
         "price_tick": 373973, "price": "37397.3", "lots": 120, "quantity": "12.0", "filled": 0},
    ],
    "outside": [
        {"name": "bias", "symbol": "BTC-USDT", "value": 0.25, "known_ns": 1_704_067_190_000_000_000},
        {"name": "mood", "symbol": "BTC-USDT", "value": None, "known_ns": None},
    ],
    "wallets": [
        {"account": "main", "currency": "USDT", "balance": 1_234.5, "equity": 1_240.0, "used": 0.0},
        {"account": "side", "currency": "BTC", "balance": 0.0123, "equity": 0.0125, "used": 0.0},
    ],
}  # fmt: skip


def test_each_wallet_says_whose_it_is_and_in_which_currency(capsys):
    _show_standing(Output(as_json=False), STANDING)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:4] == [
        "wallet          main: balance 1,234.50 USDT, equity 1,240.00 USDT",
        "wallet          side: balance 0.0123 BTC, equity 0.0125 BTC",
    ]


def test_equity_at_a_mark_of_a_while_ago_says_when(capsys):
    now_ns, minute_ns = STANDING["now_ns"], 60_000_000_000
    wallets = [STANDING["wallets"][0] | {"marked_ns": now_ns - age} for age in (minute_ns, 2 * minute_ns)]
    _show_standing(Output(as_json=False), STANDING | {"wallets": wallets})
    assert capsys.readouterr().out.splitlines()[2:4] == [
        "wallet          main: balance 1,234.50 USDT, equity 1,240.00 USDT",
        "wallet          main: balance 1,234.50 USDT, equity 1,240.00 USDT at 2023-12-31T23:58:00Z",
    ]


def test_positions_and_orders_are_said_in_the_units_and_prices_of_the_venue(capsys):
    _show_standing(Output(as_json=False), STANDING)
    lines = capsys.readouterr().out.splitlines()
    assert lines[4:] == [
        "position        12.0 BTC-USDT long by steady",
        "order           sell 12.0 BTC-USDT at 37397.3, stop, live, id 7",
        "from outside    bias of BTC-USDT: 0.25, since 2023-12-31T23:59:50Z",
        "from outside    mood of BTC-USDT: none, or one too old",
    ]


def test_a_position_that_is_nobodys_is_said_to_be_so_and_not_that_there_is_none(capsys):
    external = [{"instrument": "BTC-USDT", "side": "long", "lots": 120, "quantity": "12.0"}]
    _show_standing(Output(as_json=False), STANDING | {"positions": [], "external": external})
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("position")] == [
        "position        12.0 BTC-USDT long, nobody's"
    ]
    _show_standing(Output(as_json=False), STANDING | {"positions": [], "external": []})
    assert "position        none" in capsys.readouterr().out


def test_orders_of_nobody_are_shown_so_that_a_position_does_not_read_as_naked(capsys):
    held = {"instrument": "BTC-USDT", "side": "long", "lots": 120, "quantity": "12.0"}
    order = {
        "instrument": "BTC-USDT", "side": "sell", "stop": True, "reduce": True, "price": "37397.3", "lots": 120,
        "quantity": "12.0", "read_ns": STANDING["now_ns"],
    }  # fmt: skip
    lost = {"positions": [], "orders": [], "external": [held], "halts": ["EXTERNAL"]}
    _show_standing(Output(as_json=False), STANDING | lost | {"external_orders": [order] * 12})
    out = capsys.readouterr().out
    line = "order           sell 12.0 BTC-USDT at 37397.3, stop, nobody's, as read at 2024-01-01"
    assert out.splitlines().count(line) == 10
    assert "order           2 more, nobody's" in out
    assert "tradewind session adopt FILE" in out
    _show_standing(Output(as_json=False), STANDING | {"external": [held]})
    assert "adopt" not in capsys.readouterr().out


def test_contracts_that_are_not_one_coin_are_said_with_what_they_are(capsys):
    position, order = (STANDING[name][0] | {"amount": "0.012 BTC"} for name in ("positions", "orders"))
    _show_standing(Output(as_json=False), STANDING | {"positions": [position], "orders": [order]})
    lines = capsys.readouterr().out.splitlines()
    assert lines[4:6] == [
        "position        12.0 contracts (0.012 BTC) BTC-USDT long by steady",
        "order           sell 12.0 contracts (0.012 BTC) BTC-USDT at 37397.3, stop, live, id 7",
    ]


def test_before_anything_was_read_no_money_and_no_position_are_told(capsys):
    _show_standing(Output(as_json=False), STANDING | {"now_ns": 0, "positions": []})
    assert capsys.readouterr().out.splitlines() == [
        "time            nothing was read yet",
        "halted by       nothing",
    ]
