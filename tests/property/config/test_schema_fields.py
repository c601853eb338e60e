"""For every field of every settings file: what is wrong is refused by code and name, what is right is kept.

The judge is the JSON schema that editors use, so what an editor accepts and what we accept cannot drift apart.
"""

import copy
import math

import pytest

from tradewind.config import BacktestConfig, SessionConfig, Settings, json_schema
from tradewind.config.load import _validate
from tradewind.config.schema import schema_at
from tradewind.config.toml_source import Source
from tradewind.errors import ERROR_CODES, ConfigError

BACKTEST = {
    "schema_version": 1,
    "strategy": "ema_cross",
    "strategies": [],
    "period": {"start": "2024-01-01", "end": "2025-01-01"},
    "capital": {"amount": 10_000, "currency": "USDT"},
    "wallets": [{"amount": 1, "currency": "BTC"}],
    "market": {"venue": "binance_usdm", "symbols": ["BTCUSDT", "ETHUSDT"], "bars": "1m", "decide_on": "1h"},
    "params": {"fast_period": 20},
    "costs": {"fill": "volume"},
    "account": {"leverage": 125},
    "limits": {
        "each": {},
        "symbols": {"BTCUSDT": {}},
        "groups": {"majors": {"symbols": ["BTCUSDT"], "max_exposure_x": 1.0}},
        "legs": {
            "pair": {"symbols": ["BTCUSDT", "ETHUSDT"], "max_unhedged_notional": 10, "max_unhedged_s": 5}
        },
        "sectors": {"mega": {"max_exposure_x": 1.0}},
        "coins": {"BTC": "mega"},
    },
    "exits": {"stop_loss_pct": 2.0, "profit_lock_from_pct": 2.0, "profit_lock_back_pct": 1.0},
    "data": {},
    "warmup": {},
    "checks": {},
    "report": {},
}
MANY = {key: value for key, value in BACKTEST.items() if key not in {"strategy", "params"}} | {
    "strategies": [
        {"strategy": "ema_cross", "name": "one", "symbols": ["BTCUSDT"], "params": {"a": 1}, "exits": {}}
    ]
}
SETTINGS = {
    "schema_version": 1,
    "paths": {},
    "venues": {"binance_usdm": {"fake": "https://127.0.0.1:8443"}},
    "accounts": {"main": {"venue": "binance_usdm", "limits": {}, "caps": {"symbols": ["BTCUSDT"]}}},
    "limits": {"each": {}},
    "heartbeat_url": "https://watch.example/ping",
    "alerts": {"phone": {"quiet": "22:00..07:00"}},
}
SESSION = {
    key: BACKTEST[key] for key in ("market", "params", "capital", "wallets", "costs", "account", "limits")
} | {
    "strategy": "ema_cross",
    "accounts": ["main"],
    "feed": {"secondary": "bybit_linear"},
    "dead_man": {},
    "signals": {
        "webhook": {"port": 8787, "key": "sender"},
        "features": {"exposure": {"min": -1.0, "max": 1.0, "valid_s": 60.0}},
    },
}
TRADES = {key: value for key, value in SESSION.items() if key not in {"strategy", "params"}} | {
    "strategies": [{"strategy": "ema_cross", "name": "one", "account": "main", "protection": "watched"}]
}
BASES = {
    "backtest": (BacktestConfig, BACKTEST),
    "many": (BacktestConfig, MANY),
    "settings": (Settings, SETTINGS),
    "session": (SessionConfig, SESSION),
    "trades": (SessionConfig, TRADES),
}

HUGE = 10**30
VALUES = {
    "null": None,
    "true": True,
    "whole": 3,
    "zero": 0,
    "minus one": -1,
    "minus zero": -0.0,
    "fraction": 1.5,
    "not a number": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "huge": HUGE,
    "huge fraction": 1e300,
    "very huge": 10**5000,
    "number as text": "5",
    "true as text": "true",
    "empty text": "",
    "unicode": "ümläut ٣ \u202e \u200b 😀",
    "line break": "a\nb",
    "nul": "a\0b",
    "long text": "x" * 100_000,
    "braces": "{x} {0} %s",
    "empty list": [],
    "list of nothing": [None],
    "nested lists": [[[]]],
    "empty table": {},
    "strange table": {"": {"": None}},
    "number keys": {1: 2},
}


def leaf_paths(model, values, path=()):
    """Yield the path of every field below what ``values`` populates."""
    node = schema_at(model, path)
    for name in node.get("properties", {}):
        below = (*path, name)
        kind = schema_at(model, below)
        if "properties" in kind:
            yield from leaf_paths(model, values.get(name) or {}, below)
        elif isinstance(values.get(name), dict) and "additionalProperties" in kind and name != "params":
            yield below
            for key, value in values[name].items():
                yield from leaf_paths(model, value, (*below, key))
        elif isinstance(values.get(name), list) and values[name] and isinstance(values[name][0], dict):
            yield below
            yield from leaf_paths(model, values[name][0], (*below, "0"))
        else:
            yield below
    if path:
        yield path


def cases():
    for name, (model, values) in BASES.items():
        for path in dict.fromkeys(leaf_paths(model, values)):
            if name in ("many", "trades") and path[0] != "strategies":
                continue
            yield pytest.param(name, path, id=f"{name}:{'.'.join(path)}")


def put(values, path, value):
    """Return the tables with one value replaced; a missing table on the way is made."""
    result = copy.deepcopy(values)
    table = result
    for part in path[:-1]:
        table = table[int(part)] if isinstance(table, list) else table.setdefault(part, {})
    table[int(path[-1]) if isinstance(table, list) else path[-1]] = value
    return result


def load(model, values):
    return _validate(model, (Source("f.toml", values),))


def attempt(model, values, path):
    """Return the loaded value, or the error; anything else is a failure of the test."""
    try:
        config = load(model, values)
    except ConfigError as error:
        return check_form(error, path)
    found = config.model_dump()
    for part in path:
        found = found[int(part)] if isinstance(found, (list, tuple)) else found.get(part)
    return found


def check_form(error, path):
    for one in (error, *error.also):
        assert one.code in ERROR_CODES
        assert one.exit_code == 2
        assert len(one.render().split("\n")) == 3 + 3 * len(one.also)
        assert len(one.message) < 400
        assert one.message.endswith((".", "?")), one.message
    keys = {one.key for one in (error, *error.also)}
    assert error.code in CROSS or any(path[0] in key for key in keys), (path, keys)
    return error


CROSS = {
    "CONFIG_CONFLICT",
    "CONFIG_MISSING",
    "DATE_RANGE",
    "SYMBOL_UNKNOWN",
    "LEVERAGE_ABOVE_MAX",
    "ID_INVALID",
}


def allows(node, value):
    """Return what the schema says: True, False, or None where only the model can tell."""
    kind = node.get("type")
    if isinstance(kind, list):
        return None
    if "enum" in node:
        return isinstance(value, str) and value in node["enum"]
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in {"integer", "number"}:
        return allows_number(node, value, kind)
    if kind == "string":
        return None if isinstance(value, str) else False
    if kind == "array":
        return None if isinstance(value, list) else False
    return None if isinstance(value, dict) else False


def allows_number(node, value, kind):
    kinds = int if kind == "integer" else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not abs(value) < math.inf:
        return False
    if value == 0 and math.copysign(1, value) < 0:
        return False
    above = value >= node["minimum"] if "minimum" in node else value > node.get("exclusiveMinimum", -math.inf)
    below = value <= node["maximum"] if "maximum" in node else value < node.get("exclusiveMaximum", math.inf)
    return above and below


def same(found, given):
    if isinstance(found, tuple | list) and isinstance(given, list):
        return len(found) == len(given)
    if isinstance(given, dict):
        return set(given) <= set(found)
    return found == given or not isinstance(found, type(given))


@pytest.mark.parametrize(("name", "path"), list(cases()))
def test_every_kind_of_value_is_kept_or_refused(name, path):
    model, base = BASES[name]
    node = schema_at(model, path)
    for label, value in VALUES.items():
        found = attempt(model, put(base, path, value), path)
        verdict = allows(node, value)
        refused = isinstance(found, ConfigError)
        if value is None and not refused:
            # Python has null where TOML has nothing: it may only mean "not set".
            assert found is None, label
        elif verdict is False:
            assert refused, f"{label} was taken for {path}: {found!r}"
        elif verdict is True and refused:
            assert found.code in CROSS | {"CONFIG_VERSION"}, (
                f"{label} was refused for {path}: {found.render()}"
            )
        elif not refused:
            assert same(found, value), f"{label} became {found!r}"


def test_every_field_is_among_the_cases():
    listed = {case.values[1][0] for case in cases()}
    assert {
        name
        for model in (BacktestConfig, Settings, SessionConfig)
        for name in json_schema(model)["properties"]
    } <= listed
    assert len(list(cases())) > 110


def bounded():
    for case in cases():
        name, path = case.values
        node = schema_at(BASES[name][0], path)
        if node.get("type") in {"integer", "number"} and path[-1] != "schema_version":
            yield pytest.param(name, path, id=case.id)


@pytest.mark.parametrize(("name", "path"), list(bounded()))
def test_a_number_is_taken_up_to_its_bounds_and_not_beyond(name, path):
    model, base = BASES[name]
    node = schema_at(model, path)
    assert {"minimum", "exclusiveMinimum"} & set(node)
    assert {"maximum", "exclusiveMaximum"} & set(node)
    step = 1 if node["type"] == "integer" else 1e-9
    for bound in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"):
        if bound not in node:
            continue
        edge = int(node[bound]) if node["type"] == "integer" else float(node[bound])
        for value in (
            (edge - step, edge, edge + step)
            if abs(edge) < 1e6
            else (edge, edge * 1.01 if step < 1 else edge * 2)
        ):
            found = attempt(model, put(base, path, value), path)
            if allows(node, value) is False:
                assert isinstance(found, ConfigError)
                code = "PORT_INVALID" if path[-1] == "port" else "CONFIG_RANGE"
                assert found.code == code, (value, found.render())
                assert found.key == ".".join(path)
                assert "allowed: " in found.hint
            elif isinstance(found, ConfigError):
                assert found.code in CROSS, (value, found.render())


@pytest.mark.parametrize(("name", "path"), list(cases()))
def test_a_missing_value_is_an_error_or_its_default(name, path):
    model, base = BASES[name]
    values = copy.deepcopy(base)
    table = values
    for part in path[:-1]:
        table = table[int(part)] if isinstance(table, list) else table.get(part, {})
    if not (isinstance(table, dict) and table.pop(path[-1], None) is not None):
        return
    parent = schema_at(model, path[:-1])
    found = attempt(model, values, ())
    if path[-1] in parent.get("required", []):
        assert (found.code, found.key) == ("CONFIG_MISSING", ".".join(path))
    else:
        assert not isinstance(found, ConfigError) or found.code in CROSS


@pytest.mark.parametrize(("name", "path"), list(cases()))
def test_an_unknown_neighbour_is_refused_with_the_nearest_name(name, path):
    model, base = BASES[name]
    parent = schema_at(model, path[:-1])
    if "properties" not in parent:
        return
    wrong = path[-1][:-1] + path[-1][-1] * 2
    with pytest.raises(ConfigError) as caught:
        load(model, put(base, (*path[:-1], wrong), 1))
    unknown = next(e for e in (caught.value, *caught.value.also) if e.code == "CONFIG_UNKNOWN_KEY")
    assert unknown.key == ".".join((*path[:-1], wrong))
    assert unknown.hint == f"Did you mean '{path[-1]}'?"
    assert any(text.split(" ")[0] == path[-1] for text in unknown.known)
