"""The live carts: one Redis hash each, read in one round trip and changed by one script.

Whatever keeps the store from answering in time is raised as CartStoreUnavailable. A change is
never retried here, because it is then unknown whether the change was made.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

from django.conf import settings
from redis.exceptions import RedisError, ResponseError

from carts.domain.cart import Cart, CartOwner, Handover
from carts.domain.errors import AccessEnded, CartChanged, CartUnreadable
from carts.domain.merging import MergedLine
from carts.live import keys
from carts.live.access import ask_whether_ended, is_ended
from carts.live.codec import encode_cart, encode_handover, parse_cart
from carts.live.connection import ask, get_client, run_script, store_errors
from carts.live.records import pack_applied, unpack_record
from config.http.idempotency import CallRecord, CallRepeatedError, KeyedCall
from config.http.ratelimit import Charge
from config.stores.redis import Command, exchange, find_outage, take_value

logger = logging.getLogger(__name__)

_LEAST_TTL_MS = 60_000

Status = Literal[
    "done", "gone", "moved", "changed", "absent", "merging", "repeated",
    "merged", "taken", "empty", "present", "settled", "withdrawn",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChangeContext:
    """Who makes a change to a cart, and on what terms.

    `source` is where it comes from (api, admin, command, merge, order, repair). `actor` is who
    makes it, "" for the cart's owner. `expected_versions` are those of If-Match, None for any.
    """

    source: str
    actor: str = ""
    request_id: str = "-"
    charges: tuple[Charge, ...] = ()
    expected_versions: frozenset[int] | None = None
    call: KeyedCall | None = None

    def pinned_to(self, version: int, call: KeyedCall | None = None) -> "ChangeContext":
        """Return this context for one version of the cart, free of charge."""
        return replace(self, charges=(), expected_versions=frozenset({version}), call=call)

    def require_version(self, cart: Cart) -> None:
        """Raise CartChanged where other versions than this cart's are expected."""
        if self.expected_versions is not None and cart.version not in self.expected_versions:
            raise CartChanged


@dataclass(frozen=True, slots=True)
class EntryOutcome:
    """What became of one entry of a change; `before` is the line's units until then."""

    code: str
    before: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a script did: its status, an outcome per entry, and the cart after it."""

    status: Status
    entries: tuple[EntryOutcome, ...]
    cart: Cart | None


@dataclass(frozen=True, slots=True)
class UnitsToAdd:
    """Units for one SKU's line, which may hold `highest` at the most."""

    sku_id: str
    units: int
    highest: int
    selected: bool | None
    revision: int


@dataclass(frozen=True, slots=True)
class LineSetting:
    """What one SKU's line is to be; None leaves a value as it is."""

    sku_id: str
    quantity: int | None
    selected: bool | None
    highest: int


def open_cart(
    owner: CartOwner, *, charges: Sequence[Charge] = (), call: KeyedCall | None = None
) -> Cart | None:
    """Read a cart, in one round trip with everything else that must be known before serving it.

    None without a hash. Raises RateLimited, AccessEnded, CallRepeatedError where the keyed call
    came before, CartStoreUnavailable (CartUnreadable among it).
    """
    commands: list[Command] = [charge.command for charge in charges]
    if owner.access is not None:
        commands.append(ask_whether_ended(owner.id, owner.access))
    if call is not None:
        commands += _call_commands(owner, call)
    commands.append(("HGETALL", keys.cart_key(owner)))
    with store_errors():
        replies = iter(exchange(get_client(), commands))
        _check_charges(charges, replies)
        if owner.access is not None and is_ended(owner.access, take_value(next(replies))):
            raise AccessEnded
        if call is not None and (record := _read_record(call, replies)) is not None:
            raise CallRepeatedError(record)
        return _parse_reply(owner, next(replies))


def add_units(cart: Cart, context: ChangeContext, additions: Sequence[UnitsToAdd]) -> Outcome:
    """Add units to lines; per entry "done", "over" its highest quantity, or "full".

    May start the owner's cart, or the next one where this cart has ended.
    """
    args: list[Any] = [settings.CART_MAX_LINES]
    for entry in additions:
        args += [
            entry.sku_id, entry.units, entry.highest, _flag(entry.selected), entry.revision,
        ]  # fmt: skip
    return _change("add_units", cart, context, args, fresh_id=_fresh_id(cart))


def set_lines(cart: Cart, context: ChangeContext, settings_: Sequence[LineSetting]) -> Outcome:
    """Set quantities and selections; per entry "done", "over" its highest quantity, "missing"."""
    args: list[Any] = []
    for entry in settings_:
        quantity = "" if entry.quantity is None else entry.quantity
        args += [entry.sku_id, quantity, _flag(entry.selected), entry.highest]
    return _change("set_lines", cart, context, args)


def select_lines(cart: Cart, context: ChangeContext, *, selected: bool) -> Outcome:
    """Select or deselect every line."""
    return _change("select_lines", cart, context, [_flag(selected)])


def drop_lines(cart: Cart, context: ChangeContext, sku_ids: Sequence[str]) -> Outcome:
    """Remove lines; per SKU "done" or "missing"."""
    return _change("drop_lines", cart, context, sku_ids)


def clear(cart: Cart, context: ChangeContext) -> Outcome:
    """Remove every line."""
    return _change("clear", cart, context, ())


def acknowledge(
    cart: Cart, context: ChangeContext, revisions: Sequence[tuple[str, int]]
) -> Outcome:
    """Take a revision as the one the line was added at, per SKU; "done" or "missing"."""
    return _change("acknowledge", cart, context, [value for pair in revisions for value in pair])


def begin_merge(
    guest: CartOwner, handover: Handover, *, withdrawn_version: int | None = None
) -> Outcome:
    """Hand a guest's cart to a user: "done", "taken", "empty" or "absent".

    A cart that was handed over before stays as it is, unless it has the withdrawn version.
    """
    shared = keys.shard_keys(keys.shard_prefix(guest))
    withdrawn = "" if withdrawn_version is None else withdrawn_version
    return _run(
        "begin_merge",
        guest,
        [keys.cart_key(guest), shared.unsaved, shared.merging],
        [handover.user_id, handover.strategy, withdrawn],
    )


def apply_merge(
    user_cart: Cart, context: ChangeContext, *, token: str, lines: Sequence[MergedLine]
) -> Outcome:
    """Write the merged lines, once per token: "done", "withdrawn", or "merged" if done before."""
    args: list[Any] = [token]
    for line in lines:
        args += [line.sku_id, line.quantity, _flag(line.selected), line.revision]
    return _change("apply_merge", user_cart, context, args, fresh_id=_fresh_id(user_cart))


def withdraw_merge(user_cart: Cart, context: ChangeContext, *, token: str) -> Outcome:
    """Withdraw the merge of this token: "done", or "merged" where its lines have been merged."""
    fresh_id = "" if user_cart.exists else user_cart.id
    return _change("withdraw_merge", user_cart, context, [token], fresh_id=fresh_id)


def finish_merge(
    guest_cart: Cart, context: ChangeContext, handover: Handover, *, capped: int
) -> Outcome:
    """Empty a guest's cart that was handed over at the version of the context: "done" or "absent".

    The merge is counted then, with the lines it capped.
    """
    shared = keys.shard_keys(keys.shard_prefix(guest_cart.owner))
    args = [encode_handover(handover), capped]
    more_keys = [shared.merging, shared.counters]
    return _change("finish_merge", guest_cart, context, args, more_keys=more_keys)


def take_lines(
    cart: Cart, context: ChangeContext, *, token: str, units: Mapping[str, int]
) -> Outcome:
    """Take bought units out, once per token: "done", or "settled" if done before."""
    args: list[Any] = [token]
    for sku_id, bought in units.items():
        args += [sku_id, bought]
    return _change("take_lines", cart, context, args)


def unite(united: Cart, *, living: Cart) -> Outcome:
    """Write the cart united from a living cart and its copy, unless the living cart has changed.

    `united` has the version of the copy. The status is "done", or says why nothing was done.
    """
    context = ChangeContext(source="repair").pinned_to(living.version)
    status = "" if united.status == "ACTIVE" else united.status
    handover = "" if united.handover is None else encode_handover(united.handover)
    args: list[Any] = [united.version, united.id, united.created_ms, status]
    args += [",".join(united.merged), ",".join(united.settled), handover]
    for line in united.lines:
        args += [line.sku_id, line.quantity, _flag(line.selected), line.revision, line.added_ms]
    shared = keys.shard_keys(keys.shard_prefix(living.owner))
    return _change("unite", living, context, args, more_keys=[shared.counters, shared.merging])


def load_if_absent(cart: Cart, *, saved_version: int) -> Cart:
    """Put a cart's copy in place unless a living cart is there; return what is there then.

    `saved_version` is the copy's version; a cart that differs from its copy has a higher one.
    """
    fields = [part for pair in encode_cart(cart).items() for part in pair]
    shared = keys.shard_keys(keys.shard_prefix(cart.owner))
    outcome = _run(
        "load_if_absent",
        cart.owner,
        [keys.cart_key(cart.owner), shared.counters, shared.unsaved],
        [_remaining_ttl_ms(cart), saved_version, cart.version, *fields],
    )
    return outcome.cart or cart


def _ttl_ms(owner: CartOwner) -> int:
    """Return how long the owner's hash may lie unchanged, in ms; 0 for ever."""
    if not owner.is_guest:
        return 0
    return int(timedelta(days=settings.CART_TTL_DAYS) / timedelta(milliseconds=1))


def _remaining_ttl_ms(cart: Cart) -> int:
    """Return how long the restored hash of a cart may lie unchanged, in ms; 0 for ever.

    It is a span, because a moment could already be past by the clock of Redis.
    """
    whole_ms = _ttl_ms(cart.owner)
    left_ms = cart.updated_ms + whole_ms - time.time_ns() // 1_000_000
    # What has not expired in the database must not vanish while it is being shown.
    return min(max(left_ms, _LEAST_TTL_MS), whole_ms)


def _fresh_id(cart: Cart) -> str:
    """Return the id of the cart that a change to this one may start, "" where this one goes on."""
    if not cart.exists:
        return cart.id
    return "" if cart.status == "ACTIVE" else keys.derive_cart_id(cart.owner, cart.id)


def _change(
    verb: str,
    cart: Cart,
    context: ChangeContext,
    args: Sequence[Any],
    *,
    fresh_id: str = "",
    more_keys: Sequence[str] = (),
) -> Outcome:
    owner, call = cart.owner, context.call
    shared = keys.shard_keys(keys.shard_prefix(owner))
    names = [keys.cart_key(owner), shared.unsaved, shared.changes, *more_keys]
    record: bytes | str = ""
    record_ttl_ms = 0
    if call is not None:
        names.append(keys.call_key(owner, call.id))
        record, record_ttl_ms = pack_applied(call), call.ttl_ms
    return _run(
        verb,
        owner,
        names,
        [
            cart.id if cart.exists else "",
            fresh_id,
            "" if context.expected_versions is None else cart.version,
            _ttl_ms(owner),
            settings.CART_CHANGES_MAX,
            context.actor,
            context.source,
            context.request_id,
            record,
            record_ttl_ms,
            *args,
        ],
    )


def _run(verb: str, owner: CartOwner, names: Sequence[str], args: Sequence[Any]) -> Outcome:
    try:
        status, entries, reply = run_script(verb, names, args)
    except ResponseError:
        # If the error came from a hash that is not a cart's, this raises CartUnreadable instead.
        [reply] = ask([("HGETALL", keys.cart_key(owner))])
        _parse_reply(owner, reply)
        raise
    return Outcome(
        status=status.decode(),
        entries=tuple(EntryOutcome(code.decode(), before) for code, before in entries),
        cart=_parse_reply(owner, reply),
    )


def _parse_reply(owner: CartOwner, reply: Any) -> Cart | None:
    try:
        return parse_cart(owner, reply)
    except CartUnreadable as error:
        if isinstance(reply, ResponseError) and find_outage(reply):
            raise reply from None
        name = keys.name_openly(owner)
        logger.error("the hash of %s is not a cart's: %s", name, type(error.__cause__).__name__)
        raise


def _call_commands(owner: CartOwner, call: KeyedCall) -> list[Command]:
    commands: list[Command] = [charge.command for charge in call.charges]
    commands.append(("GET", keys.call_key(owner, call.id)))
    if call.former_id:
        commands.append(("GET", keys.call_key(owner, call.former_id)))
    return commands


def _read_record(call: KeyedCall, replies: Iterator[Any]) -> CallRecord | None:
    """Return the record of the call; charge a call that has none."""
    counted = [next(replies) for _ in call.charges]
    if found := take_value(next(replies)):
        record = unpack_record(found)
        if call.former_id:
            next(replies)
        return record
    if call.former_id and (found := take_value(next(replies))):
        record = unpack_record(found)
        # Another fingerprint means that the key was used for another call.
        if record.fingerprint == call.fingerprint:
            return record
    _check_charges(call.charges, iter(counted))
    return None


def _check_charges(charges: Sequence[Charge], replies: Iterator[Any]) -> None:
    for charge in charges:
        reply = next(replies)
        if isinstance(reply, RedisError):
            # A cart call must not fail because its counting failed.
            logger.error("rate limiter failed on a cart write", exc_info=reply)
            continue
        charge.check(reply)


def _flag(selected: bool | None) -> str:
    return "" if selected is None else "1" if selected else "0"
