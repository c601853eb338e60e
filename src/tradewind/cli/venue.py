"""``tradewind venue``: the venues, their rules, and fake ones to practise on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradewind.cli.compiling import load_in_turn
from tradewind.cli.output import JsonFlag, Output, WorkspaceFlag
from tradewind.cli.workspace import open_workspace
from tradewind.errors import UsageError

if TYPE_CHECKING:
    from tradewind.config import Workspace
    from tradewind.market.rules.answers import RuleSet
    from tradewind.venues.fake.misfortunes import Misfortunes
    from tradewind.venues.fake.practice import Practice
    from tradewind.venues.fake.sockets import FakeVenueAddress

__all__ = ["app", "fetch_rules"]

app = typer.Typer(rich_markup_mode=None, add_completion=False, help="Venues: list, rules, fake, certify.")

_PRACTICE = {
    "step.step": "tradewind.venues.fake.exchange",
    "kernel.take_bar": "tradewind.venues.fake.practice",
}
"""Modules of a fake exchange by the driver that each compiles."""
VenueArgument = Annotated[str, typer.Argument(metavar="VENUE", help="Name of the venue, as in market.venue.")]


@app.command("list")
def list_(as_json: JsonFlag = False) -> None:
    """List the venues that a file may name, and what can be done at each.

    Example: tradewind venue list
    """
    from tradewind.config.venue_defaults import VENUES
    from tradewind.venues.names import ABILITIES

    say = Output(as_json)
    rows = [
        {
            "venue": name,
            "title": venue.title,
            "payoff": venue.payoff,
            "maker_rate": venue.maker_rate,
            "taker_rate": venue.taker_rate,
            "data": "data" in ABILITIES.get(name, ()),
            "trade": "trade" in ABILITIES.get(name, ()),
            "fake": "fake" in ABILITIES.get(name, ()),
        }
        for name, venue in VENUES.items()
    ]
    heads = ("venue", "title", "payoff", "maker", "taker", "can")
    say.table(
        heads,
        [
            (
                row["venue"], row["title"], row["payoff"], f"{row['maker_rate']:.3%}", f"{row['taker_rate']:.3%}",
                " ".join(ABILITIES.get(str(row["venue"]), ())),
            )
            for row in rows
        ],
    )  # fmt: skip
    say.line(
        "backtests know them all; data: live market data and paper; trade: accounts; fake: to practise on"
    )
    say.done({"venues": rows}, "tradewind venue rules binance_usdm", "tradewind venue fake binance_usdm")


@app.command()
def rules(
    venue: VenueArgument,
    symbol: Annotated[
        list[str] | None,
        typer.Option("--symbol", metavar="SYMBOL", help="Show these; repeat it for several."),
    ] = None,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Fetch the rules of a venue's instruments, keep them in the workspace, and show some.

    Example: tradewind venue rules binance_usdm --symbol BTCUSDT
    """
    import asyncio

    from tradewind.venues.extras import require_live

    require_live()
    say = Output(as_json)
    desk = open_workspace(workspace)
    with say.steps(f"asking {venue}"):
        found = asyncio.run(fetch_rules(desk, venue))
    wanted = symbol or list(found.instruments)[:20]
    missing = [name for name in wanted if name not in found.instruments]
    if missing:
        from tradewind.config import did_you_mean
        from tradewind.errors import ConfigError

        raise ConfigError(
            "SYMBOL_UNKNOWN",
            f"{venue} lists no {missing[0]!r}.",
            hint=did_you_mean(missing[0], list(found.instruments)),
        )
    heads = ("symbol", "tick", "lot", "least", "least notional", "contract", "leverage")
    shown = [found.instruments[name] for name in wanted]
    say.table(
        heads,
        [
            (i.symbol, i.tick_size, i.lot_size, i.min_qty, i.min_notional, i.contract_size, i.leverage_max)
            for i in shown
        ],
    )
    say.line(
        f"{len(found.instruments)} instruments kept in {desk.shown(desk.data)}; {len(found.skipped)} left out"
    )
    skipped = [{"symbol": each.symbol, "reason": each.reason} for each in found.skipped]
    say.done(
        {
            "venue": venue,
            "instruments": [i.to_dict() for i in shown],
            "kept": len(found.instruments),
            "skipped": skipped,
        },
        f"tradewind data download --venue {venue} --symbol {wanted[0] if wanted else 'SYMBOL'} --bars 1m",
    )


async def fetch_rules(desk: "Workspace", venue: str) -> "RuleSet":
    """Ask a venue for its rules and keep them in the workspace. Raises VenueDown, VenueRefused, ConfigError, Busy."""
    import time

    from tradewind.cli.reaching import client_of, way_to
    from tradewind.market import Store
    from tradewind.market.rules.book import RuleBook
    from tradewind.venues.ccxt.exchange import build_exchange
    from tradewind.venues.ccxt.history import RestReader
    from tradewind.venues.ccxt.rules import rules_of_markets
    from tradewind.venues.ccxt.stream_table import STREAMS

    async with way_to(desk, venue) as session:
        exchange = build_exchange(client_of(venue), session)
        try:
            markets = await RestReader(exchange, STREAMS[venue].rest, time.time_ns).call("load_markets")
        finally:
            await exchange.close()
    found = rules_of_markets(venue, markets)
    with RuleBook.changing(Store(desk.data).root) as book:
        book.add(found, time.time_ns())
    return found


@app.command()
def fake(
    venue: VenueArgument,
    *,
    port: Annotated[
        int, typer.Option("--port", metavar="P", help="Port of this machine; 0 takes a free one.")
    ] = 8443,
    seed: Annotated[
        int,
        typer.Option("--seed", metavar="N", min=0, max=10**9, help="Of its market, and of what goes wrong."),
    ] = 1,
    faults: Annotated[
        str,
        typer.Option(
            "--faults",
            metavar="LIST",
            help="What goes wrong: F02 (within a minute, perhaps again), F13@30 (seconds after the start), "
            "F22@30:retry_s=60:for=20:times=3; swarm: a part of all by --seed, spread over --over.",
        ),
    ] = "",
    over: Annotated[
        str,
        typer.Option("--over", metavar="TIME", help="Until when faults strike that say no second: 90s, 2h."),
    ] = "30m",
    record: Annotated[
        str | None,
        typer.Option("--record", metavar="FILE", help="Gets a JSON line for all that the venue saw."),
    ] = None,
    folder: Annotated[
        str,
        typer.Option("--folder", metavar="DIR", help="Gets the certificate and where the venue is found."),
    ] = "fake",
    as_json: JsonFlag = False,
) -> None:
    """Run a fake exchange on this machine that speaks a venue's own protocol, to practise on; Ctrl-C ends it.

    Its market is made up and its money is worth nothing. tradewind speaks to it instead of the venue where
    TRADEWIND_FAKE_VENUE names its fake.json, or where tradewind.toml says so.

    Example: tradewind venue fake blofin_swap --port 8443 --faults swarm --seed 7 --over 30m
    """
    import asyncio
    from contextlib import ExitStack
    from dataclasses import replace

    from tradewind.venues.extras import require_live

    require_live()
    say = Output(as_json)
    if not 0 <= port <= 65_535:
        raise UsageError(
            "PORT_INVALID", f"{port} is no port.", where="--port", known=["1..65535", "0: any that is free"]
        )
    with ExitStack() as opening:
        steps = opening.enter_context(say.steps("loading the engine"))
        load_in_turn(steps, _PRACTICE)
        from tradewind.venues.fake.practice import serve_practice

        practice = replace(
            _practice(venue, Path(folder), port, seed, faults, record), over_ns=_stretch_ns(over)
        )
        steps(0, 0, f"opening {venue}")

        def ready(address: "FakeVenueAddress", plan: "Misfortunes | None") -> None:
            opening.close()
            _tell(say, practice, address, plan)

        asyncio.run(serve_practice(practice, ready))


@app.command()
def certify(
    venue: VenueArgument,
    *,
    account: Annotated[
        str, typer.Option("--account", metavar="NAME", help="An account of practice money there.")
    ],
    symbol: Annotated[
        str | None,
        typer.Option("--symbol", metavar="SYMBOL", help="What is traded; else a bitcoin contract."),
    ] = None,
    workspace: WorkspaceFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Try a venue with a small script of orders; sessions with real money ask for its certificate.

    It places, changes and cancels an order far from the market, goes in and out at market, waits up to 90 seconds for a
    stop to trigger, and leaves nothing behind.

    Example: tradewind venue certify blofin_swap --account main
    """
    from tradewind.cli.certify import certify as run

    run(open_workspace(workspace), venue, account, symbol, Output(as_json))


def _practice(venue: str, folder: Path, port: int, seed: int, faults: str, record: str | None) -> "Practice":
    from decimal import Decimal

    from tradewind.venues.fake.practice import Practice, practice_account

    account = practice_account(venue, Decimal(10_000))
    names = tuple(name.strip() for name in faults.split(",") if name.strip())
    return Practice(
        venue, folder.absolute(), port, seed, (account,), names, Path(record).absolute() if record else None
    )


def _stretch_ns(text: str) -> int:
    """Return how long the faults of a swarm may take. Raises UsageError (USAGE)."""
    from tradewind.units.time import parse_timeframe

    try:
        return parse_timeframe(text)
    except ValueError:
        raise UsageError(
            "USAGE", f"{text[:20]!r} is no length of time.", where="--over", known=["90s", "30m", "2h", "1d"]
        ) from None


def _tell(say: Output, practice: "Practice", address: "FakeVenueAddress", plan: "Misfortunes | None") -> None:
    import shlex
    import sys

    from tradewind.venues.fake.practice import told_plan

    (account,) = practice.accounts
    place = practice.folder / "fake.json"
    say.line(
        f"{practice.venue} on port {address.port} of this machine, market {practice.seed}; Ctrl-C ends it"
    )
    say.line(f"account    {account.name}: {account.balances['USDT']} USDT that are worth nothing")
    say.line(f"key        {account.api_key}")
    say.line(f"secret     {account.secret}")
    say.line(f"passphrase {account.passphrase or 'none: keys of this venue have none'}")
    say.line(f"hosts      {', '.join(sorted(address.hosts))}")
    say.line(f"authority  {address.authority}")
    strikes = told_plan(plan) if plan is not None else []
    if plan is not None:
        say.line(f"faults     {len(strikes)} by seed {plan.seed}, each as early as stands here:")
        for at, name, what in strikes:
            say.line(f"  {at}  {name}  {what}")
    fields = {
        "venue": practice.venue,
        "port": address.port,
        "authority": str(address.authority),
        "hosts": sorted(address.hosts),
        "place": str(place),
        "seed": practice.seed,
        "faults": [{"at": at, "fault": name, "what": what} for at, name, what in strikes],
        "account": {"api_key": account.api_key, "secret": account.secret, "passphrase": account.passphrase},
    }
    say.done(
        fields,
        f"export TRADEWIND_FAKE_VENUE={shlex.quote(str(place))}",
        "tradewind keys add practice --demo --venue " + practice.venue,
    )
    sys.stdout.flush()
