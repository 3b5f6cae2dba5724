"""Save carts to the database, compare hashes with copies, and mend drift."""

import time
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from django.core.management import CommandError, CommandParser

from carts.domain.cart import CartOwner, Line
from carts.live.care import look_at
from carts.live.gauges import read_gauges
from carts.live.keys import name_openly, shard_prefix, shard_prefixes
from carts.management.command import (
    CartCommand,
    Report,
    add_owner_arguments,
    name_figures,
    read_owner,
    show_progress,
)
from carts.permanent.repairing import repair
from carts.permanent.saving import SaveResult, save_cart, save_unsaved
from carts.permanent.verifying import Drift, Verified, verify_carts, verify_shard


class Command(CartCommand):
    help = "Save carts from Redis to the database, or compare the two copies."
    examples = """\
  manage.py sync_cart --all                      save every cart that has changed
  manage.py sync_cart --all --dry-run            say how many that are
  manage.py sync_cart --user USER_ID             save one cart
  manage.py sync_cart --all --verify --json      compare all living carts line by line
  manage.py sync_cart --guest GUEST_ID --repair  compare one cart, and mend what differs"""

    def add_options(self, parser: CommandParser) -> None:
        whose = add_owner_arguments(parser)
        whose.add_argument("--all", action="store_true", help="all carts")
        parser.add_argument("--dry-run", action="store_true", help="say what would be saved")
        parser.add_argument("--verify", action="store_true", help="compare, and change nothing")
        parser.add_argument("--repair", action="store_true", help="compare, and mend what differs")

    def report(self, options: Namespace) -> Report:
        if options.dry_run and (options.verify or options.repair):
            raise CommandError("--dry-run is for saving; --verify changes nothing.", returncode=2)
        if options.verify or options.repair:
            return _compare(options)
        if options.dry_run:
            return _count_all() if options.all else _count_one(read_owner(options))
        return _save_all(options) if options.all else _save_one(read_owner(options))


def _count_all() -> Report:
    gauges = read_gauges()
    text = f"{gauges.unsaved_carts} carts are unsaved"
    age = round(gauges.oldest_unsaved_seconds, 1)
    return Report(
        {"unsaved": gauges.unsaved_carts, "oldestUnsavedSeconds": age},
        [f"{text}, the oldest for {age} s." if gauges.unsaved_carts else f"{text}."],
    )


def _count_one(owner: CartOwner) -> Report:
    found = look_at(owner)
    is_unsaved = found is not None and found.unsaved_since_ms is not None
    state = "unsaved" if is_unsaved else "saved, or does not live"
    return Report({"unsaved": int(is_unsaved)}, [f"The cart is {state}."])


def _save_one(owner: CartOwner) -> Report:
    saved = save_cart(owner=owner, source="command")
    if saved is not None:
        return Report(
            {"cart": saved.id, "version": saved.version},
            [f"Cart {saved.id} is saved at version {saved.version}."],
        )
    is_alive = look_at(owner) is not None
    return Report(
        {"cart": None, "version": None},
        [] if is_alive else ["There is no living cart, so there is nothing to save."],
        failure="The cart cannot be saved." if is_alive else None,
    )


def _save_all(options: Namespace) -> Report:
    total, began = SaveResult(), time.monotonic()
    with show_progress(options, total=read_gauges().unsaved_carts, unit="carts") as progress:
        for prefix in shard_prefixes():
            for result in save_unsaved(prefix=prefix, source="command"):
                total += result
                progress.update(result.saved + result.unchanged + result.vanished)
    seconds = round(time.monotonic() - began, 3)
    return Report(
        {"seconds": seconds} | name_figures(total),
        [
            f"{total.saved} carts saved in {seconds} s, {total.unchanged} were saved already, "
            f"{total.vanished} were gone, {total.postponed} changed meanwhile.",
            *([f"{total.united} were united with newer copies."] if total.united else []),
        ],
        failure=f"{total.set_aside} carts cannot be saved." if total.set_aside else None,
    )


def _compare(options: Namespace) -> Report:
    looked_at, mended = 0, 0
    drifts: list[Drift] = []
    with show_progress(options, total=None, unit="carts") as progress:
        for page in _verify(options):
            looked_at += page.carts
            drifts += page.drifts
            if options.repair:
                mended += sum([repair(drift) for drift in page.drifts])
            progress.update(page.carts)
    left = len(drifts) - mended
    return Report(
        {
            "compared": looked_at,
            "drifted": len(drifts),
            "mended": mended,
            "drifts": [_present(drift, options) for drift in drifts],
        },
        [
            *[line for drift in drifts for line in _describe(drift, options)],
            f"{looked_at} carts compared, {len(drifts)} differed, {mended} mended.",
        ],
        failure=f"{left} carts differ from their saved copies." if left else None,
    )


def _verify(options: Namespace) -> Iterator[Verified]:
    if not options.all:
        owner = read_owner(options)
        yield verify_carts(shard_prefix(owner), [owner])
        return
    for prefix in shard_prefixes():
        yield from verify_shard(prefix)


def _present(drift: Drift, options: Namespace) -> dict[str, Any]:
    return {
        "owner": _name(drift.owner, options),
        "cart": drift.cart_id or None,
        "kind": drift.kind,
        "lines": [
            {
                "sku": line.sku_id,
                "redis": line.living and line.living._asdict(),
                "database": line.copy and line.copy._asdict(),
            }
            for line in drift.lines
        ],
    }


def _describe(drift: Drift, options: Namespace) -> list[str]:
    return [
        f"{_name(drift.owner, options)} {drift.cart_id}: {drift.kind}",
        *[
            f"  {line.sku_id}: {_describe_line(line.living)} in Redis, "
            f"{_describe_line(line.copy)} in the database"
            for line in drift.lines
        ],
    ]


def _describe_line(line: Line | None) -> str:
    if line is None:
        return "nothing"
    return f"{line.quantity}{'' if line.selected else ' unselected'} of revision {line.revision}"


def _name(owner: CartOwner, options: Namespace) -> str:
    """Name the owner as the operator did, if the operator named one."""
    return name_openly(owner) if options.all else owner.key
