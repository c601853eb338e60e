"""The account's own stream: kept open, heard in order, and known to be dead within fifteen seconds.

ccxt.pro logs in, subscribes, reconnects and renews listen keys. What a message says is read from the message itself,
before ccxt's caches see it, since those take old news for new. One task for each channel keeps it watched; one
more looks at every connection twice a second.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ccxt.base.errors import AuthenticationError, NetworkError

from tradewind.units.enums import StreamCode
from tradewind.venues.ccxt.dialect import value_at
from tradewind.venues.ccxt.exchange import guard_streams, tap_messages
from tradewind.venues.ccxt.parsing import rows_at, shows, word_of
from tradewind.venues.ccxt.quiet import Quiet, ask_for_sign
from tradewind.venues.ccxt.unreached import said_by
from tradewind.venues.gateway import StatusSeen, StreamKind, StreamSeen

if TYPE_CHECKING:
    import random
    from collections import Counter
    from collections.abc import Callable, Mapping

    from ccxt.async_support.base.ws.client import Client

    from tradewind.venues.ccxt.dialect import Dialect, Path, Stream
    from tradewind.venues.ccxt.parsing import RowReader
    from tradewind.venues.gateway import Event

__all__ = ["SILENCE_MAX_S", "UserStream"]

SILENCE_MAX_S = 14.0
"""A ping goes out every 10 s and its pong counts: a connection silent for longer is dead."""
SUBSCRIBED_WITHIN_S = 10.0
LOOK_S = 0.5
BACKOFF_FIRST_S, BACKOFF_MAX_S = 0.5, 30.0


class UserStream:
    """Keeps the user's channels of one account open.

    Parameters
    ----------
    exchange
        A ccxt.pro object of this account alone.
    tell
        Gets every event, in order of receipt.
    held_until_ns
        The time before which the venue wants no request at all: nothing is dialled until then.
    """

    def __init__(
        self,
        exchange: Any,  # noqa: ANN401 - ccxt ships no types
        dialect: Dialect,
        rows: RowReader,
        tell: Callable[[Event], None],
        *,
        now_ns: Callable[[], int],
        held_until_ns: Callable[[], int],
        chance: random.Random,
        dropped: Counter[str],
    ) -> None:
        self._exchange = exchange
        self._dialect = dialect
        self._rows = rows
        self._tell = tell
        self._now_ns = now_ns
        self._held_until_ns = held_until_ns
        self._chance = chance
        self._dropped = dropped
        self._acks: dict[int, int] = {}
        self._quiet = Quiet(asyncio.get_running_loop().time)
        self._tasks: list[asyncio.Task[None]] = []
        self._up: bool | None = None
        self._refused = False
        self._reason = ""
        self._ready = asyncio.Event()
        self._always_said: list[Mapping[str, object]] = []

    async def open(self) -> None:
        """Begin to watch and return when every channel is open; whoever waits sets the limit."""
        guard_streams(asyncio.get_running_loop())
        tap_messages(self._exchange, self._hear, self._failed)
        self._tasks = [asyncio.create_task(self._keep(stream)) for stream in self._dialect.streams]
        self._tasks.append(asyncio.create_task(self._watch_over()))
        await self._ready.wait()

    async def close(self) -> None:
        """Stop watching."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def is_up(self) -> bool:
        """Whether every channel is open by what the venue has said on the connections that live."""
        living = [client for client in self._clients() if not client.closed()]
        if not self._dialect.acks:
            return bool(living)
        return sum(self._acks.get(id(client), 0) for client in living) >= self._dialect.acks

    def declare_dead(self, reason: str) -> None:
        """End every connection: it is known from elsewhere that they do not tell what happens."""
        self._reason = reason
        for client in self._clients():
            client.on_error(NetworkError(reason))
        self._look()

    async def say(self, message: Mapping[str, object]) -> None:
        """Send a message on every connection now, and on each that takes its place."""
        if message not in self._always_said:
            self._always_said.append(message)
            await self._say_all([message])

    async def _say_all(self, messages: list[Mapping[str, object]]) -> None:
        for client in self._clients():
            for message in messages:
                if not client.closed():
                    await client.send(message)

    # ------------------------------------------------------------------ what is heard

    def _hear(self, client: Client, message: object) -> None:
        if not isinstance(message, dict):
            return
        if self._is_ack(message):
            self._acks[id(client)] = self._acks.get(id(client), 0) + 1
        name = next((word for path in self._dialect.topic_at if (word := _word_at(message, path))), "")
        if not name:
            return
        recv_ns = self._now_ns()
        for topic in self._dialect.topics:
            if topic.name != name or (topic.unless and value_at(message, topic.unless)):
                continue
            if topic.renew:
                self._renew(client)
            elif topic.shape is not None:
                rows = (row for row in rows_at(message, topic.rows) if shows(row, topic.when))
                for row in rows:
                    for event in self._rows.read(row, topic.shape, recv_ns):
                        self._tell(event)

    def _is_ack(self, message: dict[str, object]) -> bool:
        ack = self._dialect.ack
        if ack is None or _word_at(message, ack[0]) != ack[1]:
            return False
        return word_of(message.get("success", True)) == "true"

    def _failed(self, client: Client, error: Exception) -> None:
        """End a connection on which something could not be handled: what it would have said is read anew."""
        self._dropped[f"stream: {type(error).__name__}"] += 1
        client.on_error(NetworkError(f"a message could not be handled: {type(error).__name__}"))

    def _renew(self, client: Client) -> None:
        """Forget a listen key that is over, so that the next watch asks for another."""
        if self._dialect.renew_option:
            self._exchange.options[self._dialect.renew_option] = {}
        client.on_error(NetworkError("the listen key is over"))

    # ------------------------------------------------------------------ keeping it open

    async def _keep(self, stream: Stream) -> None:
        attempt = 0
        while True:
            held_ns = self._held_until_ns() - self._now_ns()
            if held_ns > 0:
                await asyncio.sleep(held_ns / 1_000_000_000)
            try:
                await getattr(self._exchange, stream.method)(**stream.arguments)
                attempt = 0
            except Exception as error:  # noqa: BLE001 - whatever ended a watch, it is begun again
                self._note(error)
                await asyncio.sleep(self._backoff_s(attempt))
                attempt += 1

    def _note(self, error: Exception) -> None:
        self._reason = f"{type(error).__name__}: {said_by(error)}"
        self._look()
        if isinstance(error, AuthenticationError) and not self._refused:
            self._refused = True
            self._tell(StatusSeen(-1, True, False, True, self._reason, self._now_ns(), "key"))

    def _backoff_s(self, attempt: int) -> float:
        longest = min(BACKOFF_FIRST_S * 2.0 ** min(attempt, 10), BACKOFF_MAX_S)
        return longest * self._chance.uniform(0.5, 1.0)

    async def _watch_over(self) -> None:
        while True:
            for client in self._clients():
                await ask_for_sign(self._exchange, client, self._quiet.silent_s(client))
            self._end_silent()
            self._end_unanswered()
            was_up = self._up
            self._look()
            if self._up and not was_up and self._always_said:
                await self._say_all(self._always_said)
            await asyncio.sleep(LOOK_S)

    def _end_silent(self) -> None:
        for client in self._clients():
            silent_s = self._quiet.silent_s(client)
            if not client.closed() and silent_s > SILENCE_MAX_S:
                self._reason = f"nothing was heard for {silent_s:.0f} s"
                client.on_error(NetworkError("the connection is silent"))

    def _end_unanswered(self) -> None:
        """End connections on which a login or a subscription was never answered: nobody else would ask again."""
        living = [client for client in self._clients() if not client.closed()]
        youngest_s = min((self._quiet.open_s(client) for client in living), default=0.0)
        if not self.is_up and youngest_s > SUBSCRIBED_WITHIN_S:
            self.declare_dead("the venue has not answered a subscription")

    def _look(self) -> None:
        """Tell a change between open and not open, once."""
        up = self.is_up
        if up == self._up or (self._up is None and not up):
            return
        self._up = up
        living = {id(client) for client in self._clients()}
        self._acks = {key: count for key, count in self._acks.items() if key in living}
        code = StreamCode.UP if up else StreamCode.DOWN
        text = "" if up else self._reason
        self._tell(StreamSeen(StreamKind.USER, -1, code, text, self._now_ns()))
        if up:
            self._refused = False
            self._ready.set()

    def _clients(self) -> list[Client]:
        clients = self._exchange.clients or {}
        return [client for url, client in list(clients.items()) if self._dialect.private_url in url]


def _word_at(message: object, path: Path) -> str:
    found = value_at(message, path)
    return "" if isinstance(found, dict | list) else word_of(found)
