"""What a running session says of itself, as a person reads it."""

from tradewind.cli.output import Output
from tradewind.cli.session import _show_standing

STANDING = {
    "now_ns": 1_704_067_200_000_000_000, "halts": [], "held": [], "positions": [], "orders": [],
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
