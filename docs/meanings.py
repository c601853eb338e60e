"""What facts, rules and columns mean, in the words of the reference; `generate` holds them to the code."""

from __future__ import annotations

from tradewind.ops.causes import MEANINGS

__all__ = ["COLUMNS", "FACTS", "RULES", "RUN_FILES", "TABLES"]

_TAKEN = {
    "wallet": "", "instrument": "", "position_side": "", "qty_lot": "lots taken", "price_tick": "",
    "amount": "notional", "trade_id": "",
}  # fmt: skip
_ENDING = {
    "cid": "", "code": "a rule", "price_tick": "", "qty_lot": "filled in all", "amount": "notional filled in all",
}  # fmt: skip
_REFUSED = {
    "cid": "", "code": "a rule", "side": "kind of the request", "price_tick": "asked for", "qty_lot": "asked for",
}  # fmt: skip

FACTS: dict[str, tuple[str, dict[str, str]]] = {
    "BAR": (
        "A bar ended.",
        {
            "instrument": "",
            "venue_ts_ns": "its open time",
            "recv_ts_ns": "its end, when it is known",
            "open_tick": "",
            "high_tick": "",
            "low_tick": "",
            "price_tick": "close",
            "qty_lot": "volume",
        },
    ),
    "TRADE": ("Somebody traded.", {"instrument": "", "price_tick": "", "qty_lot": ""}),
    "BOOK_TOP": (
        "The best prices changed.",
        {
            "instrument": "",
            "low_tick": "bid",
            "open_tick": "lots bid",
            "high_tick": "ask",
            "qty_lot": "lots asked",
        },
    ),
    "MARK": ("The mark price changed.", {"instrument": "", "value": "mark price in ticks"}),
    "FUNDING_RATE": (
        "A settlement's rate is known; the simulated venue settles on it.",
        {"instrument": "", "venue_ts_ns": "the settlement", "value": "rate"},
    ),
    "OPEN_INTEREST": ("Open interest was published.", {"instrument": "", "value": ""}),
    "LIQUIDATION": (
        "The market printed somebody's liquidation.",
        {"instrument": "", "side": "", "value": "size"},
    ),
    "FEATURE": (
        "A value from outside, stamped when it was known; or that it is not valid any more.",
        {
            "instrument": "",
            "code": "which one",
            "value": "no number where it is not valid any more",
            "recv_ts_ns": "when it was known, 0: not any more",
        },
    ),
    "TIMER": ("A time came; the WAKE after it lets sleepers decide.", {}),
    "WAKE": ("The batch ends: everybody decides.", {"code": "why"}),
    "ACK": ("The venue has the order.", {"cid": ""}),
    "AMENDED": (
        "The order has new terms.",
        {"cid": "", "price_tick": "", "qty_lot": "total", "code": "1 where a query found them"},
    ),
    "FILL": (
        "The order filled, wholly or in part; quantities are cumulative.",
        {
            "cid": "",
            "price_tick": "of this fill",
            "qty_lot": "filled in all",
            "amount": "notional filled in all",
            "code": "1 for a maker",
            "trade_id": "",
        },
    ),
    "CANCELLED": ("The order is cancelled.", _ENDING),
    "EXPIRED": ("The order expired.", _ENDING),
    "REJECT": ("The venue refused a request.", _REFUSED),
    "UNKNOWN": ("Nobody knows what became of the order.", {"cid": "", "code": "a rule"}),
    "TRIGGERED": ("A stop's trigger was reached; its child is on the way.", {"cid": ""}),
    "NOT_SENT": ("A request did not leave.", _REFUSED),
    "BOOKED": (
        "Lots changed hands without an order that is still known: a fill told after the order had ended, a position"
        " that was taken over; once per trade id.",
        {
            "cid": "names the context, and the order where there was one",
            "side": "",
            "position_side": "",
            "price_tick": "",
            "qty_lot": "lots, what is new",
            "amount": "notional, what is new",
            "code": "1 for a maker",
            "trade_id": "",
            "value": "1 where nothing of its order had filled before",
        },
    ),
    "FEE": (
        "A fee was charged for a trade, once per trade id; negative is a rebate.",
        {"wallet": "", "instrument": "", "trade_id": "", "amount": "paid"},
    ),
    "FUNDING_PAID": (
        "A settlement moved money.",
        {
            "wallet": "",
            "instrument": "",
            "position_side": "",
            "venue_ts_ns": "the settlement",
            "qty_lot": "position",
            "price_tick": "mark",
            "value": "rate",
            "amount": "paid, negative if received",
        },
    ),
    "ACCOUNT": (
        "What the venue says the wallet holds.",
        {"wallet": "", "amount": "balance, or its change", "code": "1 for a change"},
    ),
    "EXTERNAL_POSITION": (
        "A position that is not ours; it counts against the limits.",
        {"instrument": "", "position_side": "", "qty_lot": ""},
    ),
    "EXTERNAL_ORDER": (
        "Open orders that are not ours; they count against the limits.",
        {"instrument": "", "position_side": "", "qty_lot": ""},
    ),
    "ACCOUNT_LIQUIDATED": (
        "The venue liquidated us, or somebody else closed what is ours; shared out pro rata over the holdings.",
        _TAKEN,
    ),
    "ADL": ("The venue reduced us against somebody's bankruptcy.", _TAKEN),
    "DELISTED": ("The instrument ended; what is held is settled.", _TAKEN),
    "TRANSFER": ("Money came or went; no gain, no loss.", {"wallet": "", "instrument": "", "amount": ""}),
    "SETTING": (
        "A setting or a rule of the venue changed.",
        {
            "instrument": "",
            "code": "which one",
            "qty_lot": "step, quantity or mode",
            "amount": "smallest notional",
            "value": "leverage",
        },
    ),
    "LIMITS": (
        "A limit changed; a lowered one blocks and cancels openers, it closes nothing.",
        {
            "instrument": "",
            "code": "which one",
            "position_side": "",
            "qty_lot": "",
            "amount": "",
            "value": "",
        },
    ),
    "OPERATOR": ("An operator's word.", {"code": "which one"}),
    "BOOT": (
        "A process began.",
        {"code": "epoch", "price_tick": "hash of code", "qty_lot": "of configuration", "trade_id": "of data"},
    ),
    "STREAM": (
        "A stream of market data came up, went down, is stale or has a gap.",
        {"instrument": "", "code": ""},
    ),
    "VENUE_STATUS": (
        "The venue is in order, is not, or takes reductions only.",
        {"instrument": "", "code": "which of these"},
    ),
    "LISTED": ("The instrument may be traded from here on.", {"instrument": ""}),
    "ATTEMPT": (
        "An on-chain attempt went on.",
        {"wallet": "", "cid": "the attempt", "code": "its state", "amount": "what it cost"},
    ),
    "HALT": (
        "A state of trading began or ended, with its reason as a bit.",
        {
            "code": "bits of `Halt`",
            "qty_lot": "1 sets, 0 clears",
            "side": "whose: the core's, the account's of `wallet`, the instrument's",
            "wallet": "",
            "instrument": "",
            "value": "what was seen",
            "amount": "what was allowed",
        },
    ),
    "HELD": (
        "One strategy is held alone, or let go.",
        {
            "qty_lot": "number of the strategy",
            "code": "the rule; 0 lets it go",
            "side": "1: what it holds is closed too",
            "value": "what was seen",
            "amount": "what was allowed",
        },
    ),
}
"""What each kind of fact says, and the fields it uses."""

RULES: dict[str, str] = {
    "OK": "Nothing is wrong.",
    "HALTED": "Trading is halted: by an operator, a breaker, a watchdog, a liquidation or a lock.",
    "STALE": "The market data is stale or the venue is down; nothing opens on it.",
    "CLOSED": "The instrument is not listed, or not any more.",
    "HELD": "The strategy is held by an operator.",
    "MIN_QTY": "Below the smallest quantity after rounding to lots.",
    "MIN_NOTIONAL": "Below the smallest notional of the venue.",
    "MAX_QTY": "Above the largest quantity of the venue.",
    "HOLDING_LIMIT": "The strategy's holding would exceed its limit.",
    "SIDE_LIMIT": "The venue's position on this side would exceed its limit (`max_qty`).",
    "ORDER_NOTIONAL": "The order is larger than `max_notional_per_order`.",
    "POSITION_NOTIONAL": "The position would be larger than `max_position_notional` or `max_exposure_x`.",
    "PRICE_BAND": "The price is farther from the mark than `price_band_pct`.",
    "PRICE": "What rests at a price has none, or a stop that opens would be triggered at once.",
    "MARGIN": "The wallet has not enough free margin, fee included.",
    "LEVERAGE": "All positions together would exceed the account's limit, as a multiple of equity.",
    "EXPOSURE_GROUP": "A group would exceed its `max_exposure_x`.",
    "EXPOSURE_SIDE": "One side would exceed `max_exposure_long_x` or `max_exposure_short_x`.",
    "EXPOSURE_TOTAL": "All positions would exceed `max_exposure_total_x`.",
    "OPEN_ORDERS": "More orders would work than `max_open_orders`.",
    "ORDER_RATE": "More requests in a minute than `max_orders_per_minute`.",
    "UNHEDGED": "One leg would lead the others by more than `max_unhedged_notional`, or has for too long.",
    "NO_SHORT": "Spot cannot be sold short.",
    "NOT_REDUCING": "Nothing is left to reduce, or other closers already do.",
    "MAILBOX": "No more requests fit into this batch.",
    "BAD_OUTPUT": "The strategy stated an impossible set (a slot twice, a bad kind, post-only at market); it is held.",
    "SETTINGS": "The venue's settings are not those that were asked for.",
    "ATTEMPT_SPEND": "The worst spend of an on-chain attempt does not fit the wallet.",
    "EXITED": "The core closes this holding, or closed it, and the strategy has not wanted nothing since.",
    "POSITIONS": "More instruments would be held at once than `max_positions` of the account or its sector.",
    "EXPOSURE_SECTOR": "A sector would exceed its `max_exposure_x`.",
    "LOSS_STREAK": "The strategy lost as many round trips in a row as `strategy_loss_streak`, and is held.",
    "RAISED": "The strategy raised an error, and is held.",
    "HUNG": "The strategy never returned, and is held.",
    "STOP_LOSS": "The position reached `stop_loss_pct` and is closed.",
    "TRAILING": "The position fell `trailing_pct` from its best price and is closed.",
    "TAKE_PROFIT": "The position reached `take_profit_pct` and is closed.",
    "MAX_AGE": "The position is older than `max_age` and is closed.",
    "PROFIT_LOCK": "The position gave back `profit_lock_back_pct` of a locked profit and is closed.",
    "POSITION_LOSS": "The position lost more of the equity than `exit_position_loss_pct` and is closed.",
    "VENUE_POST_ONLY": "A post-only order would have taken.",
    "VENUE_REDUCE_ONLY": "A reduce-only order would not have reduced.",
    "VENUE_MIN_NOTIONAL": "Too small for the venue.",
    "VENUE_RATE": "Too many requests for the venue.",
    "VENUE_DUPLICATE": "The venue knows this id already.",
    "VENUE_PRICE": "The venue takes no such price.",
    "VENUE_MARGIN": "Not enough margin, says the venue.",
    "VENUE_CLOSED": "The venue does not trade this.",
    "VENUE_OTHER": "The venue gave another reason.",
    "LIQUIDATED": f"{MEANINGS['LIQUIDATED'].capitalize()}.",
    "UNFILLED": "An order that fills at once or not at all did not fill.",
    "NOT_SENT": "The request never left.",
    "OPERATOR": "An operator ended it.",
    "UNWANTED": "The strategy no longer wants it.",
    "REPLACED": "Another order takes its place.",
    "FILLED": "It is filled.",
}
"""What each rule or reason means."""

RUN_FILES = {
    "run.toml": "every setting with its value; `[resolved]`: hashes, rules and fees of each instrument",
    "fills.parquet": "every execution",
    "orders.parquet": "every change of state of every order, with its reason; an order at market asks for no price",
    "refused.parquet": "what the gate or the venue refused, with rule, limit and value",
    "funding.parquet": "every settlement that moved money",
    "equity.parquet": "the account marked to market at the end of bars; thinned to `report.equity_points_max` rows, "
    "the interval stands in `run.toml`. Further wallets have files of their own",
    "exposures.parquet": "only where values from outside were given: the table as it was traded",
    "metrics.json": "all metrics, those that cannot be said with the reason, confidence bands",
    "checks.json": "what was examined, the assumptions, the hashes, where the money came from",
    "report.html": "the same for a person, in one file, offline",
}

COLUMNS = {
    "ts_ns": "when, nanoseconds UTC",
    "symbol": "the venue's own symbol",
    "strategy": "name of the strategy, as the file calls this use of it",
    "side": "`buy` or `sell`",
    "position_side": "`long` or `short`: what it adds to or takes from",
    "price": "",
    "qty": "always positive",
    "notional": "price x quantity x contract size",
    "liquidity": "`maker` or `taker`, by what happened",
    "fee": "positive when paid",
    "realized_pnl": "against the average entry, before fees",
    "role": "`open`, `close`, `stop`, `liquidation`, `adl`, `settlement`",
    "order_id": "as it would stand on the wire; empty for what the venue did by itself",
    "tag": "what the strategy called it",
    "currency": "of the wallet",
    "trade_id": "",
}

TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "fills": ("One row per execution.", {}),
    "orders": (
        "One row per change of state.",
        {
            "slot": "place of the order among those of its strategy and instrument",
            "state": "`pending`, `working`, `amending`, `cancelling`, `unknown`, `triggered`, "
            "`filled`, `cancelled`, `expired`, `rejected`",
            "reason": "[a rule](gate.md), empty where there is none",
            "kind": "`rest`, `target` or `stop`",
            "reduce": "whether it may only reduce",
            "price": "0 for one without a price",
            "qty": "total: filled and not yet filled",
            "filled_qty": "",
        },
    ),
    "refused": (
        "One row per refusal.",
        {
            "by": "`gate` or `venue`",
            "rule": "[a rule](gate.md)",
            "limit": "in the unit of the rule: quantity, money, ratio or count; empty where the venue refused",
            "value": "what it was compared with",
            "price": "asked for",
            "qty": "asked for",
        },
    ),
    "funding": (
        "One row per settlement and side.",
        {
            "rate": "as a share of notional",
            "mark_price": "the price it was settled on",
            "qty": "negative for a short",
            "amount": "change of the balance: negative when paid",
        },
    ),
    "equity": (
        "One row per bar, or thinned.",
        {
            "ts_ns": "open time of the bar at whose close it was taken",
            "balance": "cash: realised, fees and funding included",
            "equity": "balance and what is open, at the close",
            "unrealized_pnl": "",
            "margin_used": "initial margin of what is held and of what may open",
        },
    ),
}
