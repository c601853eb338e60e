"""Requests of a venue without keys of its own: what changes something is an action that a wallet's key signs.

ccxt makes the signature, of the action as it stands here, field by field in its order: another order is another action.
The key is that of an agent, which may trade for an account and not withdraw from it; who it is follows from the key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradewind.venues.ccxt.dialect import Call

__all__ = ["ACCOUNT", "SIGNER", "ActionSigner"]

ACCOUNT, SIGNER = "@account", "@signer"
"""What stands in a request for the address of the account, and for that of the key that signs for it."""


class ActionSigner:
    """Makes requests out of actions.

    Parameters
    ----------
    exchange
        A ccxt object that has the account's address and the key.
    api
        The section in which requests are actions; those of others are only told whose account is meant.
    """

    def __init__(self, exchange: Any, api: str) -> None:  # noqa: ANN401 - ccxt ships no types
        self._exchange = exchange
        self._api = api
        self._addresses: dict[str, str] = {}

    def request(self, call: Call, params: object, until_ms: int) -> object:
        """Return what is sent for a call; `until_ms`: the venue's time after which an action is dead.

        Raises ValueError for a key that is none.
        """
        if call.api != self._api:
            return self._addressed(params)
        exchange = self._exchange
        nonce = exchange.incrementing_nonce()
        signature = exchange.sign_l1_action(params, nonce, None, until_ms)
        return {"action": params, "nonce": nonce, "signature": signature, "expiresAfter": until_ms}

    def _addressed(self, params: object) -> object:
        if not isinstance(params, dict):
            return params
        if not self._addresses:
            signer = self._exchange.eth_get_address_from_private_key(self._exchange.privateKey)
            self._addresses = {ACCOUNT: self._exchange.walletAddress, SIGNER: signer}
        return {name: self._addresses.get(str(value), value) for name, value in params.items()}
