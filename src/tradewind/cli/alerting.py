"""Who is told of a session's alerts, bound to the terminal, the settings, the key store and the session's folder."""

import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tradewind.cli.output import Output
    from tradewind.config import Workspace
    from tradewind.journal import Identity
    from tradewind.live.guard import Incident
    from tradewind.ops.alerts import Alert, Dispatcher

__all__ = ["alerting", "guard_alerts", "incident_alert", "session_alerts"]


@contextmanager
def alerting(say: "Output", desk: "Workspace", name: str) -> "Iterator[Callable[[Alert], None]]":
    """Tell alerts to the terminal, to everybody of ``[alerts]`` and to the session's file, until the block ends.

    Raises what the key store does where an address cannot be read, ConfigError (ALERT_ADDRESS) for one that no service
    has.
    """
    from tradewind.journal import FileDisk
    from tradewind.ops.alerting import AlertLog, Switchboard

    folder = desk.session_dir(name)
    FileDisk().make_folder(folder)
    board = Switchboard(AlertLog(folder), _recipients(say, desk), [_shown(say)])
    try:
        yield lambda alert: board.tell(alert if alert.session else replace(alert, session=name))
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


@contextmanager
def guard_alerts(
    say: "Output", desk: "Workspace", identity: "Identity", version: str
) -> "Iterator[Callable[[Alert], None]]":
    """Tell what a guard has to tell as `session_alerts` does.

    The trading process holds the session's audit while it lives. A guard speaks when that process is gone, so it opens
    the audit for one entry and lets go of it before it starts another.
    """
    from tradewind.journal import FileDisk
    from tradewind.ops.governance import GovernanceLog

    with alerting(say, desk, identity.session) as tell:

        def tell_both(alert: "Alert") -> None:
            log = GovernanceLog(
                FileDisk(), desk.session_dir(identity.session), identity, time.time_ns, version
            )
            log.tell(alert)
            log.close()
            if log.lost:
                say.note("warning: the audit does not take what the guard did")
            tell(alert)

        yield tell_both


def _recipients(say: "Output", desk: "Workspace") -> "list[Dispatcher]":
    from tradewind.cli.keys import asking, key_store
    from tradewind.errors import ConfigError
    from tradewind.ops.alerting import recipients
    from tradewind.venues.keys import texts_for

    entries = desk.settings.alerts
    if not entries:
        return []
    kept = dict(zip(entries, texts_for(entries, key_store(desk), asking(say)), strict=True))
    try:
        return recipients(entries, kept.__getitem__)
    except ValueError as error:
        raise ConfigError("ALERT_ADDRESS", f"{error}.", key="alerts") from error


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
        "renewed": "PROCESS_RENEWED",
        "no room": "DISK_FAILED",
        "refused": "SESSION_REFUSED",
    }
    code = codes.get(incident.kind, "PROCESS_DIED")
    if incident.kind == "hung" and incident.strategy >= 0:
        code = "STRATEGY_HELD"
    return Alert(code, f"{incident.kind}: {incident.text}", time.time_ns(), name)
