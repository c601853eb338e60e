"""Sectors of well-known coins, for limits per sector. A file may assign any coin to another, or to one of its own."""

import re
from collections.abc import Mapping

__all__ = ["SECTORS", "coin_of", "sector_of"]

SECTORS: dict[str, tuple[str, ...]] = {
    "mega": ("BTC", "ETH"),
    "l1": (
        *("ADA", "ALGO", "APT", "ATOM", "AVAX", "BERA", "CELO", "DOT", "EGLD", "ETC", "FLOW", "HBAR", "ICP"),
        *("INJ", "KAS", "NEAR", "ROSE", "S", "SEI", "SOL", "SUI", "TIA", "TON", "TRX", "VET", "XTZ", "ZIL"),
    ),
    "l2": (
        *("ARB", "BLAST", "IMX", "LRC", "MANTA", "MATIC", "METIS", "MNT", "OP", "POL", "SCR", "SKL"),
        *("STRK", "TAIKO", "ZK"),
    ),
    "defi": (
        *("1INCH", "AAVE", "AERO", "BAL", "COMP", "CRV", "CVX", "DYDX", "ENA", "ETHFI", "GMX", "JTO", "JUP"),
        *(
            "KNC",
            "LDO",
            "LINK",
            "MKR",
            "MORPHO",
            "ONDO",
            "PENDLE",
            "PYTH",
            "RAY",
            "RPL",
            "RUNE",
            "SKY",
            "SNX",
        ),
        *("SUSHI", "UNI", "YFI"),
    ),
    "meme": (
        *("BOME", "BONK", "BRETT", "DOGE", "FARTCOIN", "FLOKI", "MEME", "MEW", "MOG", "NEIRO", "PENGU"),
        *("PEPE", "PNUT", "POPCAT", "SHIB", "TRUMP", "TURBO", "WIF"),
    ),
    "exchange": ("BGB", "BNB", "CRO", "FTT", "GT", "HT", "HYPE", "KCS", "LEO", "OKB"),
    "payment": ("ACH", "BCH", "BSV", "DASH", "LTC", "XLM", "XMR", "XRP", "ZEC"),
}
"""Sector → its coins."""

_BUNDLE = re.compile(r"^(?:1000000|100000|10000|1000|1M|k)(?=[A-Z]{2})")
_SECTOR_OF = {coin: sector for sector, coins in SECTORS.items() for coin in coins}


def coin_of(base: str) -> str:
    """Return the coin of a contract on a bundle of it: 1000PEPE, 1MBABYDOGE and kBONK are one coin by the lot.

    >>> coin_of("1000PEPE"), coin_of("1INCH")
    ('PEPE', '1INCH')
    """
    return _BUNDLE.sub("", base)


def sector_of(base: str, own: Mapping[str, str]) -> str | None:
    """Return the sector of a base currency: as the file says, else of the table above; None where neither knows it."""
    coin = coin_of(base)
    return own.get(base) or own.get(coin) or _SECTOR_OF.get(base) or _SECTOR_OF.get(coin)
