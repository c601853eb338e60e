"""``tradewind journal rebuild`` and ``expire``: the read model of the journals, and what of them is given up."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tradewind.cli.output import Output
    from tradewind.config import Workspace

__all__ = ["expire_market", "rebuild_model"]


def rebuild_model(say: "Output", desk: "Workspace", folders: "list[Path]", *, afresh: bool) -> None:
    """Bring the read model up to date with sessions; `afresh`: from nothing.

    Raises EXTRA_MISSING, LOCKED, JOURNAL_CORRUPT.
    """
    from tradewind.venues.extras import require_live

    require_live()
    from tradewind.ops.governance import governance_of
    from tradewind.ops.intelligence import model_file, remove_model
    from tradewind.ops.intelligence.database import Intelligence

    path = model_file(desk.root)
    if afresh:
        remove_model(path)
    model = Intelligence(path)
    try:
        followed = {}
        with say.steps("reading journals") as steps:
            for done, folder in enumerate(folders):
                steps(done, len(folders), f"reading {folder.name}")
                followed[folder.name] = model.follow(folder.name, folder, governance_of(folder))
    finally:
        model.close()
    if model.rebuilt:
        say.note(f"warning: the read model was made again, {model.rebuilt}")
    for name, found in followed.items():
        say.line(f"{name:16}{found.records:,} records{' from the first on' if found.afresh else ''}")
        if found.undecoded:
            say.note(
                f"warning: {found.undecoded:,} records of {name} are of a form that this version does not know"
            )
    say.line(f"read model      {desk.shown(path)}")
    told = {name: asdict(found) for name, found in followed.items()}
    result = {"file": str(path), "rebuilt": model.rebuilt, "sessions": told}
    say.done(result, "tradewind session list")


def expire_market(say: "Output", desk: "Workspace", folders: "list[Path]", days: int | None) -> None:
    """Give up market data that is older than `days`, by the rule of the workspace unless said.

    Raises CONFIG_MISSING where neither says how old; JOURNAL_CORRUPT.
    """
    from tradewind.errors import ConfigError
    from tradewind.journal import FileDisk, RetentionRule, expire
    from tradewind.units.time import DAY_NS

    settings = desk.settings.retention
    kept_days = settings.market_days if days is None else days
    if kept_days is None:
        raise ConfigError(
            "CONFIG_MISSING",
            "nothing says how long recorded market data is kept.",
            key="retention.market_days",
            hint="write [retention] market_days = 30 into tradewind.toml, or add --days 30",
        )
    rule = RetentionRule(settings.keep_snapshots, kept_days * DAY_NS)
    told = {}
    for folder in folders:
        expired = expire(FileDisk(), folder, rule, time.time_ns())
        told[folder.name] = asdict(expired)
        say.line(
            f"{folder.name}: {expired.records:,} market records became digests, "
            f"{expired.bytes_freed / 1e6:,.1f} MB are free, a replay starts at record {expired.replay_from_seq:,}"
        )
    say.done({"days": kept_days, "sessions": told}, "tradewind journal verify last")
