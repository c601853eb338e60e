"""A word that halts or closes is acted on when it is said, not at the next bar."""

from pathlib import Path

from tradewind.journal import Identity
from tradewind.live.facts import Told, rows_of
from tradewind.live.opening import Place, open_session
from tradewind.live.replay import replay_journal
from tradewind.testing.disk import SimulatedDisk
from tradewind.testing.sessions import small_world, walk
from tradewind.units.enums import FactKind, OperatorCode, OrderState, RequestKind
from tradewind.venues.port import Batch
from tradewind.venues.simulated.exchange import SimulatedExchange
from tradewind.venues.simulated.local import LocalVenue

FOLDER = Path("/journal/commands")


def holding_session(disk):
    """Return a session's sequencer in the middle of a market, holding something with openers about."""
    exchange = SimulatedExchange(small_world(), walk(120))
    place = Place(disk, FOLDER, Identity("commands", ()), lambda: 0, "test")
    opened = open_session(place, small_world(), LocalVenue(exchange), inside=exchange)
    sequencer = opened.session.sequencer
    world = sequencer.world
    while True:
        batch = exchange.next_batch(sequencer.standing.batch, 0)
        sent = sequencer.take(batch)
        if sent is not None:
            exchange.submit(*sent)
        orders = world.contexts["working"]["order"]
        opens = (orders["state"] == OrderState.LIVE) & (orders["reduce"] == 0)
        if batch.wake is not None and world.contexts["working"]["holding"]["pos_lot"].any() and opens.any():
            return opened, sequencer, exchange


def said(sequencer, code):
    now_ns = sequencer.standing.now_ns + 1
    rows = rows_of([Told(FactKind.OPERATOR, now_ns, now_ns, code=code)])
    return sequencer.take(Batch(0, rows, None, again=True, now_ns=now_ns))


def test_flatten_closes_at_once_and_replays():
    disk = SimulatedDisk()
    opened, sequencer, exchange = holding_session(disk)
    first, requests = said(sequencer, OperatorCode.FLATTEN)
    assert set(requests["kind"].tolist()) == {RequestKind.CANCEL}
    exchange.submit(first, requests)
    # The exchange answers the cancels, which needs no bar; then everything is closed.
    requests = None
    while requests is None:
        answers = exchange.next_batch(sequencer.standing.batch, 0)
        assert answers.wake is None
        requests = sequencer.take(answers)
    _, closing = requests
    new = closing[closing["kind"] == RequestKind.NEW]
    assert new["reduce"].tolist() == [1]
    opened.close(finished=False)
    replayed = replay_journal(FOLDER, small_world(), disk)
    assert replayed.state_hash == sequencer.world.state_hash()


def test_pause_cancels_at_once_and_only_what_opens():
    opened, sequencer, _ = holding_session(SimulatedDisk())
    _, requests = said(sequencer, OperatorCode.PAUSE)
    assert set(requests["kind"].tolist()) == {RequestKind.CANCEL}
    opened.close(finished=False)
