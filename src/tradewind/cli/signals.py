"""Signals from outside for a session that trades: what forbids them, their key, the door that takes them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tradewind.errors import ConfigError, TradewindError

if TYPE_CHECKING:
    from tradewind.cli.listening import Bound
    from tradewind.cli.output import Output
    from tradewind.config import BacktestConfig, SessionConfig, Workspace
    from tradewind.config.signals import SignalTerms, WebhookTerms
    from tradewind.engine.world import World
    from tradewind.live.door import Door
    from tradewind.live.outside import Feature
    from tradewind.live.running import Beside, Reached, RunningSetup
    from tradewind.ops.alerts import Alert
    from tradewind.venues.keys import Secret

__all__ = [
    "beside_with_signals",
    "door_of",
    "features_of",
    "needs_store",
    "signal_key",
    "signal_problems",
    "with_forgetting",
]


def needs_store(config: "BacktestConfig | SessionConfig") -> bool:
    """Say whether a session's signals are signed with a text of the key store."""
    terms = getattr(config, "signals", None)
    return terms is not None and terms.webhook.key is not None


def door_of(terms: "WebhookTerms", desk: "Workspace") -> "Door":
    """Return where a session listens; paths of a file count from the workspace."""
    from tradewind.live.door import Door

    return Door(terms.host, terms.port, _path(terms.tls_cert, desk), _path(terms.tls_key, desk))


def _path(name: str | None, desk: "Workspace") -> Path | None:
    return None if name is None else desk.root / Path(name).expanduser()


def signal_problems(terms: "SignalTerms", desk: "Workspace", *, port: bool) -> Iterator[TradewindError]:
    """Give what the machine forbids of a session's signals; port: whether it must be free now."""
    from tradewind.live.door import bound_socket, tls_of

    door = door_of(terms.webhook, desk)
    try:
        tls_of(door)
        if terms.webhook.key_file is not None:
            _key_of_file(terms.webhook.key_file, desk)
        if port:
            bound_socket(door).close()
    except TradewindError as error:
        error.key = error.key or "signals.webhook"
        yield error


def signal_key(terms: "WebhookTerms", desk: "Workspace", say: "Output") -> "Secret":
    """Return what signals are signed with. Raises KEY_UNKNOWN, KEY_FORMAT and what opening the key store raises."""
    from tradewind.cli.keys import asking, key_store
    from tradewind.venues.keys import texts_for

    if terms.key_file is not None:
        return _key_of_file(terms.key_file, desk)
    assert terms.key is not None
    (key,) = texts_for([terms.key], key_store(desk), asking(say))
    return _long_enough(key)


def _key_of_file(name: str, desk: "Workspace") -> "Secret":
    from tradewind.venues.keys.opening import secret_of_file

    return _long_enough(secret_of_file(desk.root / Path(name).expanduser(), "the key of signals"))


def _long_enough(key: "Secret") -> "Secret":
    from tradewind.live.signing import KEY_MIN

    length = len(key.reveal())
    if length < KEY_MIN:
        raise ConfigError(
            "KEY_FORMAT",
            f"the key of signals has {length} signs; {KEY_MIN} at least cannot be guessed.",
            key="signals.webhook",
            hint='python -c "import secrets; print(secrets.token_urlsafe(32))" draws one',
        )
    return key


def features_of(bound: "Bound") -> "tuple[Feature, ...]":
    """Return the values from outside of a bound session, each where it stands in the core."""
    from tradewind.live.outside import Feature
    from tradewind.research.outside import feature_places

    terms, labels = bound.session.signals, bound.resolved.labels
    places = feature_places(bound.resolved.parts)
    return tuple(
        Feature(name, labels[column], column, code, int(each.valid_s * 1e9))
        for name, each in (terms.features.items() if terms is not None else ())
        for column, code in places.get(name, ())
        if each.symbols is None or labels[column] in each.symbols
    )


def with_forgetting(setup: "RunningSetup", features: "Sequence[Feature]") -> "RunningSetup":
    """Return a set-up whose session takes values from outside back that have outlived their validity."""
    from tradewind.live.outside import ForgettingVenue
    from tradewind.ops.alerts import Alert

    if not features:
        return setup

    async def reach(world: "World", folder: Path, notify: "Callable[[Alert], None]") -> "Reached":
        reached = await setup.reach(world, folder, notify)

        def tell(old: "Sequence[Feature]", now_ns: int) -> None:
            names = ", ".join(f"{each.name} of {each.symbol}" for each in old[:10])
            notify(Alert("SIGNAL_STALE", f"{names}: no longer valid", now_ns))

        return replace(reached, venue=ForgettingVenue(reached.venue, world, features, tell))

    return replace(setup, reach=reach, features=tuple(features))


def beside_with_signals(
    bound: "Bound",
    desk: "Workspace",
    name: str,
    key: "Secret",
    notify: "Callable[[Alert], None]",
    count: "Callable[[str], None]",
) -> "Beside":
    """Return what takes signals beside a session; count: is told each outcome, "taken" or the code of a refusal."""
    from tradewind.live.intake import FeatureBounds, IntakeTerms
    from tradewind.live.taking import SignalSetup, take_signals

    terms, features = bound.session.signals, features_of(bound)
    assert terms is not None
    symbols = {each: tuple(f.symbol for f in features if f.name == each) for each in terms.features}
    bounds = {each: FeatureBounds(one.min, one.max, symbols[each]) for each, one in terms.features.items()}
    webhook = terms.webhook
    intake = IntakeTerms(
        name, key, bounds, int(webhook.window_s * 1e3), webhook.max_body_bytes, webhook.per_minute
    )
    setup = SignalSetup(intake, features, door_of(webhook, desk), notify, count)
    return partial(take_signals, setup)
