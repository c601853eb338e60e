"""Settings: the only place with defaults, and the owner of every path.

A backtest file becomes a `BacktestConfig`, ``tradewind.toml`` becomes `Settings`; both are frozen, strict, and refuse
unknown keys with the nearest known one. Values come from file < later file < ``TRADEWIND__A__B`` < flag, and
`Loaded.origins` tells which. `Workspace` knows where everything lies; `files` writes so that a file is complete or
absent.
"""

from tradewind.config.assumptions import Assumption, assumptions
from tradewind.config.backtest import (
    SCHEMA_VERSION,
    Account,
    BacktestConfig,
    Capital,
    Checks,
    Costs,
    Market,
    Period,
    Report,
    StrategyUse,
    Warmup,
)
from tradewind.config.data_policy import DEFECTS, DataPolicy, Defect
from tradewind.config.drift import changed_settings, is_unchanged
from tradewind.config.exits import Exits, Protection
from tradewind.config.feasible import check_feasible
from tradewind.config.fields import read_instant, to_ns
from tradewind.config.files import (
    PARTIAL_PREFIX,
    atomic_folder,
    lock,
    lock_holder,
    sweep,
    write_atomic,
    write_unsynced,
    writing,
)
from tradewind.config.limits import GroupLimits, LegLimits, Limits, SectorLimits, SymbolLimits
from tradewind.config.load import (
    Loaded,
    OriginOf,
    backtest_from,
    is_session_file,
    load_backtest,
    load_session,
    load_settings,
    session_from,
    with_house_limits,
)
from tradewind.config.problems import did_you_mean, nearest
from tradewind.config.runs import find_run, new_run_id, stored_runs
from tradewind.config.schema import json_schema, schema_text
from tradewind.config.session import DeadMachine, Feed, SessionConfig, SessionUse
from tradewind.config.session_rules import accounts_by_venue, check_live
from tradewind.config.settings import AccountEntry, AlertEntry, Caps, Paths, Settings, VenueEntry
from tradewind.config.stored import config_hash, to_toml
from tradewind.config.venue_defaults import VENUES, VenueDefaults
from tradewind.config.workspace import ENV_WORKSPACE, KEYS_FOLDER, SETTINGS_NAME, Workspace, find_root

__all__ = [
    "DEFECTS",
    "ENV_WORKSPACE",
    "KEYS_FOLDER",
    "PARTIAL_PREFIX",
    "SCHEMA_VERSION",
    "SETTINGS_NAME",
    "VENUES",
    "Account",
    "AccountEntry",
    "AlertEntry",
    "Assumption",
    "BacktestConfig",
    "Capital",
    "Caps",
    "Checks",
    "Costs",
    "DataPolicy",
    "DeadMachine",
    "Defect",
    "Exits",
    "Feed",
    "GroupLimits",
    "LegLimits",
    "Limits",
    "Loaded",
    "Market",
    "OriginOf",
    "Paths",
    "Period",
    "Protection",
    "Report",
    "SectorLimits",
    "SessionConfig",
    "SessionUse",
    "Settings",
    "StrategyUse",
    "SymbolLimits",
    "VenueDefaults",
    "VenueEntry",
    "Warmup",
    "Workspace",
    "accounts_by_venue",
    "assumptions",
    "atomic_folder",
    "backtest_from",
    "changed_settings",
    "check_feasible",
    "check_live",
    "config_hash",
    "did_you_mean",
    "find_root",
    "find_run",
    "is_session_file",
    "is_unchanged",
    "json_schema",
    "load_backtest",
    "load_session",
    "load_settings",
    "lock",
    "lock_holder",
    "nearest",
    "new_run_id",
    "read_instant",
    "schema_text",
    "session_from",
    "stored_runs",
    "sweep",
    "to_ns",
    "to_toml",
    "with_house_limits",
    "write_atomic",
    "write_unsynced",
    "writing",
]
