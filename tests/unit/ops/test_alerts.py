"""Alerts: what goes out, when, how often, cleaned; a notifier that hangs or fails costs nothing but its alert."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import tradewind
from tradewind.ops.alerts import ALERTS, Alert, Level, QuietHours
from tradewind.ops.dispatch import RETRIES_S, Dispatcher
from tradewind.units.enums import DAY_NS
from tradewind.venues.keys import Secret

MINUTE_NS = 60_000_000_000
NOON_NS = 20_000 * DAY_NS + 12 * 60 * MINUTE_NS


def told(alerts, **settings):
    """Return what a notifier was told of these alerts, and the dispatcher."""
    heard = []
    dispatcher = Dispatcher([lambda title, body: heard.append((title, body))], **settings)
    for alert in alerts:
        dispatcher.tell(alert)
    dispatcher.close()
    return heard, dispatcher


def test_an_alert_says_what_happened_what_it_means_and_what_to_do():
    heard, dispatcher = told(
        [Alert("HALTED", "daily loss 5.2 % > 5 %", NOON_NS, "alpha", {"rule": "LOSS_DAY"})]
    )
    ((title, body),) = heard
    assert title == "tradewind ERROR: HALTED (alpha)"
    for part in (
        "daily loss 5.2 % > 5 %",
        "rule: LOSS_DAY",
        ALERTS["HALTED"].meaning,
        ALERTS["HALTED"].remedy,
    ):
        assert part in body
    assert (dispatcher.sent, dispatcher.failed, dispatcher.lost) == (1, 0, 0)


def test_a_code_that_nobody_could_look_up_is_no_alert():
    with pytest.raises(KeyError):
        Alert("WHATEVER", "", 0)


def test_secrets_are_cleaned_wherever_they_stand():
    secret = "zk3mQv81pLw0Xy7tB5nD"
    _kept = Secret(secret)
    heard, _ = told(
        [Alert("LOCKED", f"denied: {secret}", NOON_NS, "a", {"url": f"https://x/?signature={secret}"})]
    )
    assert secret not in str(heard)
    assert "denied" in str(heard)


def test_what_is_below_the_threshold_is_kept_back():
    heard, dispatcher = told([Alert("SESSION_STARTED", "", NOON_NS)], threshold=Level.WARNING)
    assert heard == []
    assert dispatcher.kept_back == 1


def test_a_repetition_waits_and_is_counted():
    alerts = [Alert("STREAM_DOWN", str(i), NOON_NS + i * MINUTE_NS) for i in (0, 1, 9, 10)]
    heard, dispatcher = told(alerts)
    assert [body.splitlines()[0] for _, body in heard] == ["0", "10"]
    assert "2 more of these were kept back" in heard[1][1]
    assert dispatcher.kept_back == 2
    other = [Alert("STREAM_DOWN", "", NOON_NS, "a"), Alert("STREAM_DOWN", "", NOON_NS, "b")]
    assert len(told(other)[0]) == 2


@pytest.mark.parametrize(
    ("start", "end", "hour", "quiet"),
    [
        (22, 6, 23, True),
        (22, 6, 5, True),
        (22, 6, 6, False),
        (22, 6, 12, False),
        (1, 3, 2, True),
        (1, 3, 3, False),
        (0, 0, 0, False),
    ],
)
def test_in_quiet_hours_only_the_critical_goes_out(start, end, hour, quiet):
    at_ns = 20_000 * DAY_NS + hour * 60 * MINUTE_NS
    hours = QuietHours(start * 60, end * 60)
    heard, _ = told([Alert("HALTED", "", at_ns), Alert("LIQUIDATED", "", at_ns)], quiet=hours)
    assert [("LIQUIDATED" in title) for title, _ in heard] == ([True] if quiet else [False, True])


def test_a_notifier_that_fails_does_not_stop_the_next_one():
    heard = []

    def broken(title, body):
        raise ConnectionError("it answered with status 500")

    dispatcher = Dispatcher([broken, lambda title, body: heard.append(title)])
    dispatcher.tell(Alert("HALTED", "", NOON_NS))
    dispatcher.close()
    assert len(heard) == 1, "what one took is not told to him again"
    assert (dispatcher.sent, dispatcher.failed, dispatcher.in_row) == (1, 2, 2), (
        "once, and once more at the end"
    )
    assert dispatcher.why == "it answered with status 500"
    assert dispatcher.waiting == 1


class Moody:
    """Takes nothing for a number of attempts, and says when an attempt was made."""

    def __init__(self, fails):
        self.fails, self.heard, self.attempts = fails, [], 0
        self.enough = threading.Event()

    def __call__(self, title, body):
        self.attempts += 1
        if self.attempts <= self.fails:
            raise ConnectionError("it could not be reached")
        self.heard.append((title, body))


def test_what_was_not_taken_is_tried_again_and_says_of_when_it_is():
    moody = Moody(fails=3)
    dispatcher = Dispatcher([moody], retries_s=(0.0, 0.0, 0.0, 0.0))
    tried = []

    def heard():
        tried.append((dispatcher.in_row, dispatcher.why))
        if dispatcher.sent == 2:
            moody.enough.set()

    dispatcher.heard = heard
    dispatcher.tell(Alert("HALTED", "first", NOON_NS, "a"))
    dispatcher.tell(Alert("HALTED", "second", NOON_NS, "b"))
    assert moody.enough.wait(10)
    dispatcher.close()
    bodies = [body for _, body in moody.heard]
    assert sorted(body.splitlines()[0] for body in bodies) == ["first", "second"]
    late = [body for body in bodies if "could not be told before" in body]
    assert late
    assert "This is of 2024-10-04T12:00:00Z" in late[0]
    assert (dispatcher.sent, dispatcher.failed, dispatcher.given_up) == (2, 3, 0)
    assert tried[2] == (3, "it could not be reached")
    assert tried[-1] == (0, "")


def test_what_nobody_takes_is_given_up_in_the_end_and_counted():
    moody, over = Moody(fails=99), threading.Event()
    dispatcher = Dispatcher([moody], retries_s=(0.0, 0.0))
    dispatcher.heard = lambda: over.set() if dispatcher.given_up else None
    dispatcher.tell(Alert("HALTED", "", NOON_NS))
    assert over.wait(10)
    dispatcher.close()
    assert (moody.attempts, dispatcher.failed, dispatcher.given_up, dispatcher.waiting) == (3, 3, 1, 0)
    assert sum(RETRIES_S) == pytest.approx(2_555), "the page says 40 minutes"


def test_why_an_alert_was_not_taken_shows_no_word_of_a_library():
    secret = "tok3nOfTheAddress99"

    def broken(title, body):
        raise RuntimeError(f"https://service/{secret}")

    dispatcher = Dispatcher([broken], retries_s=())
    dispatcher.tell(Alert("HALTED", "", NOON_NS))
    dispatcher.close()
    assert dispatcher.why == "RuntimeError"


def test_a_notifier_that_hangs_costs_alerts_and_nothing_else():
    """F89."""
    hanging = threading.Event()
    dispatcher = Dispatcher([lambda title, body: hanging.wait(60)], repeat_ns=0)
    for i in range(1_000):
        dispatcher.tell(Alert("HALTED", str(i), NOON_NS + i))
    assert dispatcher.lost > 700
    dispatcher.close(timeout_s=0.05)
    hanging.set()


def test_every_kind_says_something():
    for code, kind in ALERTS.items():
        assert code == code.upper()
        assert kind.meaning.endswith(".")
        assert kind.remedy.endswith(".")


def test_every_kind_is_told_by_something():
    """An alert that nothing sends would be a promise in the docs and silence on the day."""
    lists = {"alerts.py", "governance.py", "rows.py", "errors.py"}
    sources = [
        path.read_text() for path in Path(tradewind.__file__).parent.rglob("*.py") if path.name not in lists
    ]
    assert {code for code in ALERTS if not any(f'"{code}"' in text for text in sources)} == set()
