"""What OKX, BloFin and Bybit have alike: JSON in an envelope, and signed requests that are checked and recorded."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from tradewind.venues.fake.envelopes import body_of
from tradewind.venues.fake.protocol import VenueProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tradewind.venues.fake.account import FakeAccount
    from tradewind.venues.fake.protocol import Call, Reply

__all__ = ["SignedProtocol"]


class SignedProtocol(VenueProtocol):
    """A protocol whose signatures are in headers, so that what is asked can be recorded as it stands."""

    @abstractmethod
    def _who(self, call: Call) -> FakeAccount:
        """Return the account that signed a request. Raises Objection where anything is wrong with it."""

    @abstractmethod
    def _enveloped(self, work: Callable[[], object]) -> Reply:
        """Do the work of a request and return what it gave, or how it failed, in the venue's envelope."""

    def _open(self, handler: Callable[[Mapping[str, str]], object]) -> Callable[[Call], Reply]:
        """Return what answers a call that anybody may make."""

        def answer(call: Call) -> Reply:
            return self._enveloped(lambda: handler(call.query))

        return answer

    def _signed(
        self, handler: Callable[[FakeAccount, Any], object], permission: str
    ) -> Callable[[Call], Reply]:
        """Return what answers a call that an account signs with a key of some permission."""

        def work(call: Call) -> object:
            account = self._who(call)
            self.exchange.check(account, permission, call.peer)
            said = call.query if call.method == "GET" else body_of(call)
            told = said if isinstance(said, dict) else {"body": said}
            self.exchange.record.request(account.name, f"{call.method} {call.path}", told, call.now_ns)
            return handler(account, said)

        def answer(call: Call) -> Reply:
            return self._enveloped(lambda: work(call))

        return answer
