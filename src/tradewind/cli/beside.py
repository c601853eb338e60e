"""What runs beside a session that trades: figures for Prometheus, and the daily work."""

import asyncio
import shutil
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradewind.cli.output import Output
    from tradewind.config import Workspace
    from tradewind.live.running import Beside, Running
    from tradewind.ops.alerts import Alert
    from tradewind.ops.observing import Observer
    from tradewind.venues.port import Batch

__all__ = ["beside_session"]

_LOOK_S = 5.0


def beside_session(
    say: "Output",
    desk: "Workspace",
    name: str,
    notify: "Callable[[Alert], None]",
    signals: "Callable[[Callable[[Alert], None], Callable[[str], None]], Beside] | None" = None,
) -> "tuple[list[Beside], Callable[[Alert], None]]":
    """Return what runs beside a session by the settings, and whom to notify so that alerts are counted too.

    signals: makes what takes signals, of whom to notify and whom to tell each outcome; None where none are taken.
    """
    from tradewind.ops.upkeep import Upkeep

    observer = _observer(say, desk, name)

    async def daily(running: "Running") -> None:
        expires = desk.settings.retention.market_days is not None
        work = Upkeep(
            name, running.folder, running.clock, lambda words: _command(desk, words), notify, expires
        )
        await work.run()

    if observer is None:
        return [daily, *([] if signals is None else [signals(notify, _not_counted)])], notify

    def counted(alert: "Alert") -> None:
        observer.count_alert(alert)
        notify(alert)

    async def figures(running: "Running") -> None:
        await _observe(observer, running)

    others = [] if signals is None else [signals(counted, observer.count_signal)]
    return [daily, figures, *others], counted


def _not_counted(outcome: str) -> None:
    """Take the outcome of a signal where nobody asks for figures."""


def _observer(say: "Output", desk: "Workspace", name: str) -> "Observer | None":
    """Offer figures where the settings name a port; a port that is taken costs the figures, not the session."""
    from tradewind.errors import UsageError
    from tradewind.ops.metrics import Metrics
    from tradewind.ops.observing import Observer

    terms = desk.settings.metrics
    if terms.port is None:
        return None
    metrics = Metrics()
    try:
        port = metrics.serve(terms.port, terms.host)
    except UsageError as error:
        say.note(
            f"warning: no figures are offered: {error.message} Start the session with another in "
            "TRADEWIND__METRICS__PORT to have them."
        )
        return None
    say.note(f"figures for Prometheus: http://{terms.host}:{port}/metrics")
    return Observer(metrics, name, desk.session_dir(name))


async def _observe(observer: "Observer", running: "Running") -> None:
    """Time what the session does, and look at its standing every few seconds."""
    from tradewind.ops.outward import read_outward

    session = running.session
    disk, progress = session.disk, session.progress

    async def timed(work: "Callable[[], None]") -> None:
        began_s = time.perf_counter()
        await disk(work)
        observer.timed_sync(time.perf_counter() - began_s)

    def lived(batch: "Batch") -> None:
        observer.timed_batch(batch, running.clock())
        if progress is not None:
            progress(batch)

    observer.since_ns = running.clock()
    session.disk, session.progress = timed, lived
    try:
        while True:
            observer.look(running.status(), running.clock_ns())
            observer.look_at_venues(running.figures(), running.clock())
            observer.look_outside(await asyncio.to_thread(read_outward, running.folder), running.clock())
            await asyncio.sleep(_LOOK_S)
    finally:
        session.disk, session.progress = disk, progress
        observer.metrics.close()


async def _command(desk: "Workspace", words: tuple[str, ...]) -> tuple[int, str]:
    """Run a command of ours in a process of its own, at low priority; return its exit status and what it printed."""
    nice = shutil.which("nice")
    first = (nice, "-n", "19", sys.executable) if nice else (sys.executable,)
    process = await asyncio.create_subprocess_exec(
        *first, "-m", "tradewind.cli", *words, "--workspace", str(desk.root),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode or 0, output.decode(errors="replace")
