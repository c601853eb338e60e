"""Who is told of a session's alerts, bound to the terminal, the settings, the key store and the session's folder."""

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tradewind.cli.output import Output
    from tradewind.config import Workspace
    from tradewind.journal import Identity
    from tradewind.live.guard import Incident
    from tradewind.ops.alerting import Switchboard
    from tradewind.ops.alerts import Alert
    from tradewind.ops.outward import Outward
    from tradewind.ops.services import AlertService

__all__ = ["GuardAlerts", "alerting", "guard_alerts", "incident_alert", "services_of", "session_alerts"]


@contextmanager
def alerting(
    say: "Output", desk: "Workspace", name: str, outward: "Outward | None" = None
) -> "Iterator[Callable[[Alert], None]]":
    """Tell alerts to the terminal, to everybody of ``[alerts]`` and to the session's file, until the block ends.

    outward: keeps who could be told; else the file of the trading process does. Raises what the key store does where an
    address cannot be read, ConfigError (ALERT_ADDRESS, URL_REFUSED) for one that alerts cannot or may not go to.
    """
    with _switchboard(say, desk, name, outward) as board:
        yield lambda alert: board.tell(alert if alert.session else replace(alert, session=name))


@contextmanager
def _switchboard(
    say: "Output", desk: "Workspace", name: str, outward: "Outward | None"
) -> "Iterator[Switchboard]":
    """Yield what passes a session's alerts on, first those that processes before this one could not tell."""
    from tradewind.journal import FileDisk
    from tradewind.ops.alerting import AlertLog, Switchboard, recipients
    from tradewind.ops.outward import Outward
    from tradewind.ops.undelivered import Undelivered

    services = services_of(say, desk, desk.settings.alerts)
    folder = desk.session_dir(name)
    FileDisk().make_folder(folder)
    told = recipients(desk.settings.alerts, services)
    board = Switchboard(
        AlertLog(folder), told, [_shown(say)], outward or Outward(folder), Undelivered(folder)
    )
    try:
        board.go_on()
        yield board
    finally:
        board.close()


@contextmanager
def session_alerts(
    say: "Output", desk: "Workspace", identity: "Identity", version: str
) -> "Iterator[Callable[[Alert], None]]":
    """Tell alerts as `alerting` does, and keep those of the audit in the session's governance layer."""
    from tradewind.journal import FileDisk
    from tradewind.ops.governance import GovernanceLog

    with ExitStack() as open_until:
        tell = open_until.enter_context(alerting(say, desk, identity.session))
        folder = desk.session_dir(identity.session)
        log = GovernanceLog(FileDisk(), folder, identity, time.time_ns, version)
        open_until.callback(log.close)
        if log.set_aside is not None:
            say.note(f"warning: the audit was damaged and was moved to {desk.shown(log.set_aside)}")

        def tell_both(alert: "Alert") -> None:
            log.tell(alert)
            tell(alert)

        yield tell_both


@dataclass(frozen=True, slots=True)
class GuardAlerts:
    """Whom a guard tells.

    Parameters
    ----------
    tell
        Tells an alert and keeps it in the audit. The trading process holds the audit while it lives, so this is for
        times when it is gone: the audit is opened for one entry and let go of before another is started.
    tell_beside
        Tells an alert while the trading process lives.
    outward
        Keeps who could be told.
    """

    tell: "Callable[[Alert], None]"
    tell_beside: "Callable[[Alert], None]"
    outward: "Outward"


@contextmanager
def guard_alerts(
    say: "Output", desk: "Workspace", identity: "Identity", version: str
) -> "Iterator[GuardAlerts]":
    """Tell what a guard has to tell as `session_alerts` does, and what a trading process that is gone could not."""
    from tradewind.journal import FileDisk
    from tradewind.ops.governance import GovernanceLog
    from tradewind.ops.outward import Outward

    outward = Outward(desk.session_dir(identity.session), guard=True)
    with _switchboard(say, desk, identity.session, outward) as board:

        def tell_both(alert: "Alert") -> None:
            log = GovernanceLog(
                FileDisk(), desk.session_dir(identity.session), identity, time.time_ns, version
            )
            log.tell(alert)
            log.close()
            if log.lost:
                say.note("warning: the audit does not take what the guard did")
            board.tell(alert)
            board.go_on()

        yield GuardAlerts(tell_both, board.tell, outward)


def services_of(say: "Output", desk: "Workspace", names: "Iterable[str]") -> "dict[str, AlertService]":
    """Return what takes alerts, by the names under which the key store keeps the addresses.

    Raises what the key store does where a text cannot be read, ConfigError (ALERT_ADDRESS, URL_REFUSED).
    """
    from tradewind.cli.keys import asking, key_store
    from tradewind.venues.keys import texts_for

    wanted = tuple(names)
    if not wanted:
        return {}
    from tradewind.ops.services import AlertService

    texts = texts_for(wanted, key_store(desk), asking(say))
    return {name: AlertService(name, text) for name, text in zip(wanted, texts, strict=True)}


def _shown(say: "Output") -> "Callable[[Alert], None]":
    def tell(alert: "Alert") -> None:
        from tradewind.venues.keys import clean

        say.note(clean(f"{alert.level.name.lower()}: {alert.code}: {alert.text}"))

    return tell


def incident_alert(incident: "Incident", name: str) -> "Alert":
    """Return what a person is told of something that the guard did."""
    from tradewind.ops.alerts import Alert

    codes = {
        "hung": "LOOP_STALLED",
        "crash loop": "CRASH_LOOP",
        "waits": "STREAM_DOWN",
        "silent": "VENUE_SILENT",
        "renewed": "PROCESS_RENEWED",
        "no room": "DISK_FAILED",
        "refused": "SESSION_REFUSED",
    }
    code = codes.get(incident.kind, "PROCESS_DIED")
    if incident.kind == "hung" and incident.strategy >= 0:
        code = "STRATEGY_HELD"
    return Alert(code, f"{incident.kind}: {incident.text}", time.time_ns(), name)
