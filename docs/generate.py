"""Write the reference pages from the code, while the site is built: what is not in the code is not on the page.

MkDocs calls `on_files` as a hook. ``python docs/generate.py FOLDER`` writes the same pages as files.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from meanings import COLUMNS, FACTS, RULES, RUN_FILES, TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from pydantic import BaseModel


def cell(text: object) -> str:
    """Return a text that cannot break a table of Markdown."""
    return " ".join(str(text).split()).replace("``", "`").replace("|", "\\|")


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table of Markdown."""
    names = list(head)
    lines = [names, ["---"] * len(names), *[[cell(value) for value in row] for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def first_paragraph(thing: object) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def fields_of(layout: type) -> Iterator[tuple[str, str, str]]:
    """Yield name, value or type, and sentence of each field that a class states, in the order of its source."""
    source = cast("ast.ClassDef", ast.parse(textwrap.dedent(inspect.getsource(layout))).body[0])
    for place, node in enumerate(source.body):
        stated: ast.expr | None = None
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            stated, name = node.annotation, node.target.id
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            stated, name = node.value, node.targets[0].id
        if stated is None:
            continue
        after = source.body[place + 1] if place + 1 < len(source.body) else None
        said = (
            after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
        )
        yield name, ast.unparse(stated), str(said)


def errors_page() -> str:
    """Return every error code with its exit status, meaning and remedy."""
    from tradewind.errors import ERROR_CODES, Exit

    parts = [
        "# Error codes\n\nAn error always has this form, and the same fields as JSON with `--json`:\n",
        "```text\nCODE  file:line  key\n  what is wrong\n  what to do, or what is known\n```\n",
        "The exit status of the process follows from the code.\n",
    ]
    for status in Exit:
        codes = [(code, spec) for code, spec in ERROR_CODES.items() if spec.exit_code is status]
        if codes:
            title = status.name.replace("_", " ").lower()
            rows = [(f"`{code}`", spec.meaning, spec.remedy) for code, spec in codes]
            parts.append(f"\n## Exit {int(status)}: {title}\n\n" + table(("code", "means", "remedy"), rows))
    return "\n".join(parts)


def alerts_page() -> str:
    """Return every alert with its level, what it means and what to do about it."""
    from tradewind.ops.alerts import ALERTS, Level

    parts = [
        "# Alerts\n\nCRITICAL is sent at any hour. The same alert of the same session is sent again after ten minutes "
        "at the earliest, with the number of those that were kept back. "
        "[When something goes wrong](../howto/alerts.md) says where to begin.\n",
    ]
    for level in sorted(Level, reverse=True):
        rows = [
            (f"`{code}`", kind.meaning, kind.remedy) for code, kind in ALERTS.items() if kind.level is level
        ]
        parts.append(f"\n## {level.name}\n\n" + table(("alert", "means", "what to do"), rows))
    return "\n".join(parts)


def faults_page() -> str:
    """Return every fault with what is promised, the tests that hold it, and what came of them where they were run."""
    from tradewind.testing.fault_table import RESULTS, outcomes_in, proofs, rows

    root = Path(__file__).resolve().parents[1]
    results = root / RESULTS
    ran = outcomes_in(results) if results.is_file() else None
    head = ("", "what happens", "what we promise", "test", *(("result",) if ran is not None else ()))
    said = (
        "The tests of `simulation/faults` let each of these befall a whole session at a fake exchange, in virtual "
        "time: the session, its journal, the real adapter over unmodified ccxt. Afterwards eight questions are asked, "
        "whatever it was: do the venue's fills by our ids add up to our ledger, was there at most one order per "
        "intent, none above the limits, is the position that is believed the one that is held, has all that is held "
        "its protector, was nothing opened on stale data, does the journal replay to the same state, and did the "
        "process recover? The other tests hold a part of it by itself, with real processes, files and sockets, or at "
        "every venue. Every change is held to all of them before it lands; `make faults` runs them by themselves and "
        "adds what came out, here and in `build/faults.md`. The long ones among them, which are not run then, are "
        "those of `make soak`.\n"
    )
    return f"# Faults survived\n\n{said}\n{table(head, rows(proofs(root), ran))}"


def watchdogs_page() -> str:
    """Return what is watched while a session runs, with its times, and the ages of data."""
    from tradewind.live.watchdogs import WATCHDOGS, stale_ages

    said = (
        "What is watched while a session runs on accounts, how often, after how many seconds at most it is noticed, "
        "which [alert](alerts.md) a person gets, and what heals it. On paper the same holds of the process and of "
        "market data.\n\nThe times are those that the code uses; `reconcile_every_s` and `grace_ms` of the session "
        "file stand with their defaults.\n"
    )
    rows = [
        (
            each.what,
            f"{each.every_s:g}" if each.every_s else "each message",
            f"{each.noticed_s:g}" if each.noticed_s else "at once",
            ", ".join(f"`{code}`" for code in each.alerts) or "none",
            each.heals,
        )
        for each in WATCHDOGS
    ]
    head = ("must not be", "looked at every (s)", "noticed within (s)", "alert", "what heals it")
    ages = stale_ages()
    kinds = sorted({kind for each in ages.values() for kind in each})
    old = [
        (f"`{venue}`", *(f"{each[kind]:g}" if kind in each else "" for kind in kinds))
        for venue, each in ages.items()
    ]
    told = (
        "\n## How old data may be\n\nSeconds of silence of one instrument. What has no age may be silent for ever, as "
        "trades of a thin market may: it is as alive as its connection.\n\n"
    )
    return f"# Watchdogs\n\n{said}\n{table(head, rows)}{told}{table(('venue', *kinds), old)}"


def figures_page() -> str:
    """Return every figure for Prometheus with its labels."""
    from tradewind.ops.metrics import Metrics

    told = attributes_of(Metrics)
    rows = [
        (f"`{name}`", kind, ", ".join(labels), told[attribute])
        for attribute, name, kind, labels in Metrics().offered()
    ]
    said = (
        "What `[metrics]` of `tradewind.toml` offers to Prometheus. Labels are names of the user's own; no figure "
        "holds a key, an address or an id of an exchange. Beside them stand those of the process (`process_*`). Of a "
        "histogram there are `_bucket`, `_sum` and `_count`: the syncs of the journal are counted by "
        "`tradewind_sync_seconds_count`. Rows of several figures have one explanation.\n"
    )
    return f"# Figures for Prometheus\n\n{said}\n{table(('figure', 'kind', 'labels', 'what it is'), rows)}"


def attributes_of(thing: type) -> dict[str, str]:
    """Return what a class says of each attribute in its docstring."""
    lines = (inspect.getdoc(thing) or "").split("Attributes\n----------\n")[1].splitlines()
    told: dict[str, str] = {}
    names: list[str] = []
    for line in lines:
        if line.startswith(" "):
            told |= {name: f"{told.get(name, '')} {line.strip()}" for name in names}
        else:
            names = [name.strip() for name in line.split(",")]
    return told


def metrics_page() -> str:
    """Return every metric with its formula and convention."""
    from tradewind.report.definitions import METRICS

    parts = [
        "# Metrics\n\nr is the series of daily returns. A metric that cannot be said is left out with its reason.\n"
    ]
    for group in dict.fromkeys(metric.group for metric in METRICS):
        parts.append(f"\n## {group.capitalize()}\n")
        for metric in (m for m in METRICS if m.group == group):
            parts.append(f"\n### {metric.label} {{: #{metric.name} }}\n")
            parts.append(
                f"`{metric.name}` ({metric.unit}) = {metric.formula}\n\n{metric.convention} *{metric.why}*\n"
            )
    return "\n".join(parts)


def value_text(node: dict[str, Any]) -> str:
    """Return what a setting may be, with its default."""
    from tradewind.config.schema import describe_value

    said = describe_value(node) or str(node.get("type", ""))
    if "default" in node and not isinstance(node["default"], dict):
        said += f", default `{node['default']}`" if node["default"] is not None else ", may be left out"
    return said


def settings_tables(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[str]:
    """Yield a table for one section of a settings file, then one for each section below it."""
    from tradewind.config.schema import schema_at

    node = cast("dict[str, Any]", schema_at(model, path) or {})
    properties = node.get("properties", {})
    below = {name: cast("dict[str, Any]", schema_at(model, (*path, name)) or {}) for name in properties}
    plain = [
        (f"`{name}`", value_text({**properties[name], **spec}), spec.get("description", ""))
        for name, spec in below.items()
        if "properties" not in spec
    ]
    title = section_title(path) if path else "At the top of the file"
    if plain:
        yield f"\n## {title}\n\n{node.get('description', '') if path else ''}\n\n" + table(
            ("key", "value", "means"), plain
        )
    for name, spec in below.items():
        here = (*path, name)
        if "properties" not in spec:
            here = (*here, EACH_ENTRY if spec.get("type") == "array" else FREE_NAME)
        # The limits of an account have the keys of the workspace's, which are described where they stand at the top.
        is_repeated = path[:1] == ("accounts",) and name == "limits"
        if "properties" in (schema_at(model, here) or {}) and not is_repeated:
            yield from settings_tables(model, here)


FREE_NAME, EACH_ENTRY = "NAME", "0"
"""Parts of a path that stand for any name of a table, and for any entry of a list."""


def section_title(path: tuple[str, ...]) -> str:
    """Return how a file writes the head of a section: ``[accounts.NAME]``, ``[[strategies]]``."""
    name = ".".join(part for part in path if part != EACH_ENTRY)
    return f"[[{name}]]" if path[-1] == EACH_ENTRY else f"[{name}]"


def backtest_file_page() -> str:
    """Return every key of a backtest file."""
    from tradewind.config.backtest import BacktestConfig

    head = "# The backtest file\n\nA TOML file; an unknown key is an error. A paper session reads the same file.\n"
    return head + "\n".join(settings_tables(BacktestConfig, ()))


def session_file_page() -> str:
    """Return every key of a session file."""
    from tradewind.config.session import SessionConfig

    head = (
        "# The session file\n\nA TOML file with the tables of a backtest file, without its period, and with what "
        "happens when something goes wrong. A backtest file can be traded as well.\n"
    )
    return head + "\n".join(settings_tables(SessionConfig, ()))


def workspace_file_page() -> str:
    """Return every key of tradewind.toml."""
    from tradewind.config.settings import Settings

    head = "# The workspace file\n\n`tradewind.toml` marks a workspace and holds what is true for everything in it.\n"
    return head + "\n".join(settings_tables(Settings, ()))


def defects_page() -> str:
    """Return every kind of defect of a history, and what may be done about it."""
    from tradewind.config.data_policy import DEFECTS

    parts = [
        "# Defects of a history\n\nThe policy of each kind is a key of `[data]`; the default is to refuse.\n"
    ]
    for name, defect in DEFECTS.items():
        rows = [(f"`{policy}`", what) for policy, what in defect.policies.items()]
        parts.append(
            f"\n## {name}\n\n{defect.meaning} (`{defect.code}`)\n\n" + table(("policy", "does"), rows)
        )
    return "\n".join(parts)


def records_page() -> str:
    """Return what a strategy is given and what it fills in."""
    from tradewind.units import records

    shown = [records.View, records.Frame, records.Account, records.Working, records.Holding, records.Order]
    parts = ["# What a strategy sees and states\n", first_paragraph(records), ""]
    for layout in [*shown, records.Intents, records.Intent]:
        rows = [(f"`{name}`", f"`{kind}`", said) for name, kind, said in fields_of(layout)]
        parts.append(
            f"\n## {layout.__name__}\n\n{first_paragraph(layout)}\n\n" + table(("field", "type", ""), rows)
        )
    return "\n".join(parts)


def explained(names: Iterable[str], words: dict[str, str], what: str) -> list[tuple[str, str]]:
    """Return (name, sentence) in the order of the code; neither side may know a name that the other does not."""
    listed = list(names)
    if set(listed) != set(words):
        odd = ", ".join(sorted(set(listed) ^ set(words)))
        raise ValueError(f"docs/generate.py explains other {what} than the code has: {odd}")
    return [(name, words[name]) for name in listed]


def imports_page() -> str:
    """Return what a strategy file may import: the words of wanting, the indicators, the declarations."""
    from tradewind import signals, strategies

    parts = [
        "# What a strategy imports\n",
        "From `tradewind.strategies` and `tradewind.signals`, beside Python's `math` and files of your own. "
        "Prices are ticks and quantities lots, as everywhere in a strategy.\n",
    ]
    for room, title in ((strategies, "tradewind.strategies"), (signals, "tradewind.signals")):
        parts.append(
            f"\n## {title}\n\n{(room.__doc__ or '').partition('.')[2].strip() if room is signals else ''}\n"
        )
        plain = []
        for name in room.__all__:
            thing = getattr(room, name)
            function = getattr(thing, "py_func", thing)
            if isinstance(thing, type) or not callable(function):
                plain.append(name)
            else:
                said = inspect.getdoc(function) or ""
                parts.append(f"\n### {name}{signature_of(function)} {{: #{name} }}\n\n{said}\n")
        if plain:
            parts.append("\nConstants and records: " + ", ".join(f"`{name}`" for name in plain) + ".\n")
    return "\n".join(parts)


def signature_of(function: Callable[..., object]) -> str:
    """Return the parameters of a function with their defaults, without types."""
    plain = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in inspect.signature(function).parameters.values()
    ]
    return str(inspect.Signature(plain))


def facts_page() -> str:
    """Return every kind of fact with the fields that it uses, and the fields themselves."""
    from tradewind.units import enums, wire

    fields = {name for name, _, _ in fields_of(wire.Fact)}
    rows = []
    for name, said in explained(enums.FactKind._fields, {k: v[0] for k, v in FACTS.items()}, "facts"):
        used = FACTS[name][1]
        unknown = [field for field in used if field not in fields]
        if unknown:
            raise ValueError(f"a fact has no field {unknown[0]!r} ({name})")
        shown = "; ".join(f"`{field}` {meaning}".strip() for field, meaning in used.items())
        rows.append((getattr(enums.FactKind, name), f"`{name}`", said, shown))
    layout = [(f"`{name}`", f"`{kind}`", said) for name, kind, said in fields_of(wire.Fact)]
    return "\n".join(
        [
            "# Facts\n",
            first_paragraph(wire.Fact),
            "\nEvery fact has `seq`, `kind`, `venue_ts_ns` (when it happened) and `recv_ts_ns` (when it became "
            "known). Prices are ticks, quantities lots, money whole units of the wallet. Kinds that no run of today "
            "produces are there because the core already obeys them.\n",
            table(("code", "kind", "says", "fields"), rows),
            "\n## The fields of a fact\n",
            table(("field", "type", ""), layout),
            "\nThe numbers behind `code` and `kind`: [Codes](codes.md).\n",
        ]
    )


def codes_page() -> str:
    """Return every closed set of numbers but the rules, which have a page of their own."""
    from tradewind.units import enums

    parts = ["# Codes\n", "The numbers that stand in facts, requests and journals.\n"]
    for codes in (getattr(enums, name) for name in enums.__all__):
        named = getattr(codes, "_fields", ())
        if not named or codes is enums.Rule or codes is enums.FactKind:
            continue
        kind = type(codes)
        said = {name: text for name, _, text in fields_of(kind)}
        rows = [(getattr(codes, name), f"`{name}`", said.get(name, "")) for name in named]
        title = kind.__name__.removeprefix("_")
        parts.append(f"\n## {title}\n\n{first_paragraph(kind)}\n\n" + table(("code", "name", ""), rows))
    return "\n".join(parts)


def halts() -> Iterator[tuple[str, str, str, str]]:
    """Yield each reason of a halt: what it means, what it does, how it ends."""
    from tradewind.ops.causes import MEANINGS
    from tradewind.units.enums import CONDITION_BITS, EXIT_BITS, HOLD_BITS, Halt

    for name, bit in zip(Halt._fields, Halt, strict=True):
        then = "openers are cancelled"
        if bit & HOLD_BITS:
            then = "nothing new is opened; what rests stays"
        elif bit & EXIT_BITS:
            then = "openers are cancelled, everything held is closed"
        elif bit == Halt.LOCK:
            then = "nothing is sent"
        yield f"`{name}`", MEANINGS[name], then, "its cause" if bit & CONDITION_BITS else "nobody resumes"


def _as_error(rule: int) -> str:
    from tradewind.venues.order_codes import order_code

    codes = dict.fromkeys(filter(None, (order_code(rule), order_code(rule, 1.0))))
    return ", ".join(f"`{code}`" for code in codes)


def gate_page() -> str:
    """Return every rule that may refuse an order or end one, and the limits behind them."""
    from tradewind.config.limits import GroupLimits, LegLimits, Limits, SectorLimits, SymbolLimits
    from tradewind.config.sectors import SECTORS
    from tradewind.units.enums import Rule

    said = explained(Rule._fields, RULES, "rules")
    rows = [
        (getattr(Rule, name), f"`{name.lower()}`", words, _as_error(getattr(Rule, name)))
        for name, words in said
    ]
    gate = [row for row in rows if row[0] < Rule.VENUE_POST_ONLY]
    venue = [row for row in rows if Rule.VENUE_POST_ONLY <= row[0] <= Rule.VENUE_OTHER]
    ends = [row for row in rows if row[0] > Rule.VENUE_OTHER]
    head = ("code", "rule", "means", "an order of yours")
    parts = [
        "# The risk gate\n",
        "Every request passes the gate. A refusal is a row of `refused.parquet` with the rule, the limit and the "
        "value; the want waits in its slot. A reduction passes every rule but a lock, a price that is none, the rules "
        "of quantity and its own holding. `journal explain refused` tells the last one, with the error that an order "
        "of a person is refused with for the same.\n",
        "\n## Rules of the gate\n",
        table(head, gate),
        "\n## Refusals of the venue\n",
        table(head, venue),
        "\n## Why an order ended\n",
        table(head, ends),
        "\n## Why trading is halted\n\nThe state of a session, an account or an instrument, as `session status`, the "
        "journal and its reports name it. Reductions and stops go on under every one but a lock. What lasts as long as "
        "its cause ends with it; every other one is ended by `session resume`, or by the cool-down of its limit.\n",
        table(("halt", "means", "then", "lasts as long as"), halts()),
        "\n## Limits\n\nWritten under `[limits]` in a backtest file, or in `tradewind.toml` for everything in a "
        "workspace; the tighter one holds. What is not written does not limit. Exposure is notional over equity, "
        "as a multiple.\n",
    ]
    for title, model in (
        ("[limits]", Limits),
        ("[limits.each], [limits.symbols.NAME]", SymbolLimits),
        ("[limits.groups.NAME]", GroupLimits),
        ("[limits.legs.NAME]", LegLimits),
        ("[limits.sectors.NAME]", SectorLimits),
    ):
        shown = [(f"`{n}`", text) for n, kind, text in fields_of(model) if ":" not in n and text]
        parts.append(f"\n### {title}\n\n{first_paragraph(model)}\n\n" + table(("key", "means"), shown))
    parts.append("\n### Sectors of well-known coins\n\n`coins` under `[limits]` assigns others.\n\n")
    parts.append(table(("sector", "coins"), ((f"`{name}`", ", ".join(c)) for name, c in SECTORS.items())))
    return "\n".join(parts)


def columns_of(method: str) -> list[str]:
    """Return the columns that a table of a run has: the keys of the dict in the method that makes them."""
    from tradewind.research.columns import Translator

    tree = ast.parse(textwrap.dedent(inspect.getsource(getattr(Translator, method))))
    made = max(
        (node for node in ast.walk(tree) if isinstance(node, ast.Dict)), key=lambda node: len(node.keys)
    )
    return [str(key.value) for key in made.keys if isinstance(key, ast.Constant)]


def run_folder_page() -> str:
    """Return every file of a run folder with its columns."""
    parts = [
        "# The folder of a run\n",
        "`runs/<id>/` appears whole or not at all. It can be audited without tradewind: Parquet, JSON, TOML and one "
        "page of HTML. Times are nanoseconds since 1970 UTC. Prices and quantities are decimals in the instrument's "
        "own units, money is in the currency of the wallet.\n",
        table(("file", "holds"), [(f"`{name}`", said) for name, said in RUN_FILES.items()]),
    ]
    for name, (said, meanings) in TABLES.items():
        names = columns_of(name)
        missing = [column for column in names if column not in COLUMNS and column not in meanings]
        if missing:
            raise ValueError(f"docs/generate.py does not explain {name}.{missing[0]}")
        rows = [(f"`{column}`", meanings.get(column, COLUMNS.get(column, ""))) for column in names]
        parts.append(f"\n## {name}.parquet\n\n{said}\n\n" + table(("column", "means"), rows))
    return "\n".join(parts)


def capacities_page() -> str:
    """Return how much fits."""
    from tradewind.units import ids, jit, records, wire

    rows = [
        ("orders of one strategy in one instrument", jit.SLOTS - 2, "256 - 2 with `TRADEWIND_SLOTS=256`"),
        ("strategies x instruments of one run", ids.CONTEXTS_MAX, "a client order id carries the place"),
        ("strategies on one account", 256, ""),
        ("parameters of a strategy", records.PARAMS, "cells of 8 bytes"),
        ("memory of a strategy, per instrument", records.MEMORY, "cells of 8 bytes"),
        ("coarser bars beside the fine ones", records.FRAMES, "`BARS` of a strategy"),
        ("values from outside, per instrument", records.FEATURES, "`feature:` of `NEEDS`"),
        ("named signal values of a decision", records.SIGNALS, "`SIGNALS` of a strategy"),
        ("groups, and leg groups", records.GROUPS - 1, "`[limits.groups]`, `[limits.legs]`"),
        ("facts in one batch", wire.FACT_CAPACITY, ""),
        ("requests of one batch", wire.REQUEST_CAPACITY, "refused as `mailbox` beyond"),
        ("wallets", 17, "`[capital]` and `[[wallets]]`"),
    ]
    said = "Capacities are constants: nothing allocates while the core runs. What does not fit is refused, never cut."
    return f"# How much fits\n\n{said}\n\n" + table(("what", "most", ""), rows)


def commands_page() -> str:
    """Return the help of every command, as the terminal shows it."""
    from tradewind.cli.tree import build_tree

    json_too = "most take `--json`: one object on stdout, everything else on stderr"
    parts = [f"# Commands\n\nEvery command takes `--help`; {json_too}.\n"]
    root = cast("Any", build_tree())
    context = root.context_class(root, info_name="tradewind", terminal_width=100)
    for noun in root.list_commands(context):
        group = root.get_command(context, noun)
        parts.append(f"\n## tradewind {noun}\n")
        inside = root.context_class(group, parent=context, info_name=noun, terminal_width=100)
        verbs = group.list_commands(inside) if hasattr(group, "list_commands") else []
        if not verbs:
            parts.append(f"```text\n{group.get_help(inside)}\n```\n")
        for verb in verbs:
            command = group.get_command(inside, verb)
            below = root.context_class(command, parent=inside, info_name=verb, terminal_width=100)
            parts.append(f"\n### {noun} {verb}\n\n```text\n{command.get_help(below)}\n```\n")
    return "\n".join(parts)


def strategies_page() -> str:
    """Return the shipped strategies: what each does, its parameters, its source."""
    from tradewind.strategies.load import declare_strategy
    from tradewind.strategies.registry import strategy_files

    parts = [
        "# Shipped strategies\n\nOne file each; copy one with `tradewind strategy new` in mind, or read it.\n"
    ]
    for name, path in strategy_files().items():
        declared = declare_strategy(path)
        rows = [
            (f"`{param}`", spec.shown(spec.default), spec.range_text(), spec.summary)
            for param, spec in declared.params.items()
        ]
        shown = table(("parameter", "default", "range", "means"), rows)
        parts.append(f"\n## {name}\n\n{declared.module.__doc__}\n\n{shown}")
        parts.append(f"\n```python\n{path.read_text()}```\n")
    return "\n".join(parts)


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "strategies.md": strategies_page,
    "errors.md": errors_page,
    "alerts.md": alerts_page,
    "faults.md": faults_page,
    "watchdogs.md": watchdogs_page,
    "figures.md": figures_page,
    "backtest-file.md": backtest_file_page,
    "session-file.md": session_file_page,
    "workspace-file.md": workspace_file_page,
    "defects.md": defects_page,
    "metrics.md": metrics_page,
    "records.md": records_page,
    "imports.md": imports_page,
    "facts.md": facts_page,
    "codes.md": codes_page,
    "gate.md": gate_page,
    "run-folder.md": run_folder_page,
    "capacities.md": capacities_page,
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to the site."""
    from mkdocs.structure.files import File

    for name, page in PAGES.items():
        files.append(File.generated(config, f"reference/{name}", content=page()))
    return files


def main(folder: str) -> None:
    """Write the pages into a folder."""
    for name, page in PAGES.items():
        (Path(folder) / name).write_text(page())


if __name__ == "__main__":
    main(sys.argv[1])
