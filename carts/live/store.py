"""The live carts: one Redis hash each, read in one round trip and changed by one script.

Whatever keeps the store from answering in time is raised as CartStoreUnavailable. A change is
never retried here: whether it was made is then unknown.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from django.conf import settings
from redis.exceptions import RedisError, ResponseError

from carts.domain.cart import Cart, CartOwner, Handover
from carts.domain.errors import AccessEnded, CartUnreadable
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
class ChangeTerms:
    """Under what terms a change is made, and what the change log is told of it.

    `seen_id` is the id of the cart it is meant for ("" if there was none), `fresh_id` the id of a
    cart it may start ("" if it may not), `expected_version` what If-Match asks for (None for any).
    """

    seen_id: str
    fresh_id: str
    source: str
    actor: str
    request_id: str
    expected_version: int | None = None
    call: KeyedCall | None = None


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


def add_lines(owner: CartOwner, terms: ChangeTerms, additions: Sequence[UnitsToAdd]) -> Outcome:
    """Add units to lines; per entry "done", "over" its highest quantity, or "full"."""
    args: list[Any] = [settings.CART_MAX_LINES]
    for entry in additions:
        args += [
            entry.sku_id, entry.units, entry.highest, _flag(entry.selected), entry.revision,
        ]  # fmt: skip
    return _change("add_lines", owner, terms, args)


def set_lines(owner: CartOwner, terms: ChangeTerms, settings_: Sequence[LineSetting]) -> Outcome:
    """Set quantities and selections; per entry "done", "over" its highest quantity, "missing"."""
    args: list[Any] = []
    for entry in settings_:
        quantity = "" if entry.quantity is None else entry.quantity
        args += [entry.sku_id, quantity, _flag(entry.selected), entry.highest]
    return _change("set_lines", owner, terms, args)


def select_all(owner: CartOwner, terms: ChangeTerms, *, selected: bool) -> Outcome:
    """Select or deselect every line."""
    return _change("select_all", owner, terms, [_flag(selected)])


def remove_lines(owner: CartOwner, terms: ChangeTerms, sku_ids: Sequence[str]) -> Outcome:
    """Remove lines; per SKU "done" or "missing"."""
    return _change("remove_lines", owner, terms, sku_ids)


def clear(owner: CartOwner, terms: ChangeTerms) -> Outcome:
    """Remove every line."""
    return _change("clear", owner, terms, ())


def acknowledge(
    owner: CartOwner, terms: ChangeTerms, revisions: Sequence[tuple[str, int]]
) -> Outcome:
    """Take a revision as the one the line was added at, per SKU; "done" or "missing"."""
    return _change("acknowledge", owner, terms, [value for pair in revisions for value in pair])


def begin_merge(
    guest: CartOwner, handover: Handover, *, withdrawn_version: int | None = None
) -> Outcome:
    """Hand a guest's cart to a user: "done", "taken", "empty" or "absent".

    One that was handed over before stays as it is, unless it has the withdrawn version.
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
    user: CartOwner, terms: ChangeTerms, *, token: str, lines: Sequence[MergedLine]
) -> Outcome:
    """Write the merged lines, once per token: "done", "withdrawn", or "merged" if done before."""
    args: list[Any] = [token]
    for line in lines:
        args += [line.sku_id, line.quantity, _flag(line.selected), line.revision]
    return _change("apply_merge", user, terms, args)


def withdraw_merge(user: CartOwner, terms: ChangeTerms, *, token: str) -> Outcome:
    """Withdraw the merge of this token: "done", or "merged" where its lines have been merged."""
    return _change("withdraw_merge", user, terms, [token])


def finish_merge(
    guest: CartOwner, terms: ChangeTerms, handover: Handover, *, capped: int
) -> Outcome:
    """Empty a guest's cart that was handed over at the version of the terms: "done" or "absent".

    The merge is counted then, with the lines it capped.
    """
    shared = keys.shard_keys(keys.shard_prefix(guest))
    args = [encode_handover(handover), capped]
    return _change("finish_merge", guest, terms, args, more_keys=[shared.merging, shared.counters])


def take_lines(
    owner: CartOwner, terms: ChangeTerms, *, token: str, units: Mapping[str, int]
) -> Outcome:
    """Take bought units out, once per token: "done", or "settled" if done before."""
    args: list[Any] = [token]
    for sku_id, bought in units.items():
        args += [sku_id, bought]
    return _change("take_lines", owner, terms, args)


def unite(united: Cart, *, living: Cart) -> Outcome:
    """Write the cart that a living one is together with its copy, unless that has changed since.

    `united` has the version of the copy. "done", or why nothing was done.
    """
    terms = ChangeTerms(
        seen_id=living.id,
        fresh_id="",
        source="repair",
        actor="",
        request_id="-",
        expected_version=living.version,
    )
    status = "" if united.status == "ACTIVE" else united.status
    handover = "" if united.handover is None else encode_handover(united.handover)
    args: list[Any] = [united.version, united.id, united.created_ms, status]
    args += [",".join(united.merged), ",".join(united.settled), handover]
    for line in united.lines:
        args += [line.sku_id, line.quantity, _flag(line.selected), line.revision, line.added_ms]
    shared = keys.shard_keys(keys.shard_prefix(living.owner))
    return _change("unite", living.owner, terms, args, more_keys=[shared.counters, shared.merging])


def load_if_absent(cart: Cart, *, saved_version: int) -> Cart:
    """Put a cart's copy in place unless a living cart is there; return what is there then.

    `saved_version` is that of the copy; a cart that differs from it has a higher one.
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

    A span, because a moment might have passed already by the clock of Redis.
    """
    whole_ms = _ttl_ms(cart.owner)
    left_ms = cart.updated_ms + whole_ms - time.time_ns() // 1_000_000
    # What has not expired in the database must not vanish while it is being shown.
    return min(max(left_ms, _LEAST_TTL_MS), whole_ms)


def _change(
    verb: str,
    owner: CartOwner,
    terms: ChangeTerms,
    args: Sequence[Any],
    *,
    more_keys: Sequence[str] = (),
) -> Outcome:
    prefix = keys.shard_prefix(owner)
    shared = keys.shard_keys(prefix)
    names = [keys.cart_key(owner), shared.unsaved, shared.changes, *more_keys]
    record: bytes | str = ""
    record_ttl_ms = 0
    if terms.call is not None:
        names.append(keys.call_key(owner, terms.call.id))
        record, record_ttl_ms = pack_applied(terms.call), terms.call.ttl_ms
    return _run(
        verb,
        owner,
        names,
        [
            terms.seen_id,
            terms.fresh_id,
            "" if terms.expected_version is None else terms.expected_version,
            _ttl_ms(owner),
            settings.CART_CHANGES_MAX,
            terms.actor,
            terms.source,
            terms.request_id,
            record,
            record_ttl_ms,
            *args,
        ],
    )


def _run(verb: str, owner: CartOwner, names: Sequence[str], args: Sequence[Any]) -> Outcome:
    try:
        status, entries, reply = run_script(verb, names, args)
    except ResponseError:
        # It may be because the hash is not a cart's: then that is what is raised.
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
    """Return the record of the call; one that has none is charged."""
    counted = [next(replies) for _ in call.charges]
    if found := take_value(next(replies)):
        record = unpack_record(found)
        if call.former_id:
            next(replies)
        return record
    if call.former_id and (found := take_value(next(replies))):
        record = unpack_record(found)
        # Else the key was used for another call, which has nothing to do with this one.
        if record.fingerprint == call.fingerprint:
            return record
    _check_charges(call.charges, iter(counted))
    return None


def _check_charges(charges: Sequence[Charge], replies: Iterator[Any]) -> None:
    for charge in charges:
        reply = next(replies)
        if isinstance(reply, RedisError):
            # A cart must not stand still because counting failed.
            logger.error("rate limiter failed on a cart write", exc_info=reply)
            continue
        charge.check(reply)


def _flag(selected: bool | None) -> str:
    return "" if selected is None else "1" if selected else "0"
