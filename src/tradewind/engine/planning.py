"""The editable copy of what a context wants: `plan` changes this one, so that what `decide` said stays."""

from tradewind.units.jit import kernel
from tradewind.units.records import Context, Intent, Intents

__all__ = ["copy_intent", "edit"]


@kernel
def edit(context: Context) -> Intents:
    """Return the writable set of a context; the first call of a round copies what `decide` last stated."""
    planned = context.planned
    if context.edited == 0:
        context.edited = 1
        stated = context.intents
        planned.n = stated.n
        for i in range(stated.n):
            copy_intent(planned.row[i], stated.row[i])
    return planned


@kernel
def copy_intent(target: Intent, source: Intent) -> None:
    """Copy one intent field by field."""
    target.kind = source.kind
    target.slot = source.slot
    target.position_side = source.position_side
    target.reduce = source.reduce
    target.price_tick = source.price_tick
    target.qty_lot = source.qty_lot
    target.tolerance_lot = source.tolerance_lot
    target.tolerance_tick = source.tolerance_tick
    target.post_only = source.post_only
    target.deadline_ns = source.deadline_ns
    target.epoch = source.epoch
    target.trail_tick = source.trail_tick
    target.trigger = source.trigger
    target.show_lot = source.show_lot
    target.group = source.group
    target.tag = source.tag
    target.exact_price = source.exact_price
    target.exact_qty = source.exact_qty
