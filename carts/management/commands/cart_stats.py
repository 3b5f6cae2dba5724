"""Count the carts in both places, and what is on its way between them."""

from argparse import Namespace

from carts.live.gauges import read_gauges
from carts.management.command import CartCommand, Report, name_figures
from carts.permanent.inspecting import read_copy_stats
from config.notation import format_time


class Command(CartCommand):
    help = "Show how many carts there are, what is unsaved, set aside or waiting, and counters."
    examples = """\
  manage.py cart_stats
  manage.py cart_stats --json"""

    def report(self, options: Namespace) -> Report:
        living, copies = read_gauges(), read_copy_stats()
        redis = {
            "unsaved": living.unsaved_carts,
            "oldestUnsavedSeconds": round(living.oldest_unsaved_seconds, 1),
            "setAside": living.carts_set_aside,
            "pendingMerges": living.pending_merges,
            "waitingChanges": living.waiting_changes,
            "counters": living.counters,
        }
        saved_at = copies.last_saved_at
        database = name_figures(copies) | {
            "lastSavedAt": format_time(saved_at) if saved_at is not None else None,
        }
        return Report(
            {"redis": redis, "database": database},
            [*_list("Redis", redis), *_list("database", database)],
        )


def _list(title: str, figures: dict[str, object], indent: str = "  ") -> list[str]:
    lines = [title]
    for name, figure in figures.items():
        if isinstance(figure, dict):
            lines += [f"{indent}{line}" for line in _list(name, figure)]
        else:
            lines.append(f"{indent}{name}: {'-' if figure is None else figure}")
    return lines
