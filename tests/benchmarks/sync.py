"""What `tests.benchmarks.saver` starts, as nice as a worker.

It is `manage.py sync_cart --all`, or with the argument `job` what the worker does every hour.
"""

import json
import re
import sys
import time
from importlib import import_module
from io import StringIO
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

from config.celery import stand_back


def main() -> None:
    django.setup()
    stand_back()
    if sys.argv[1:] == ["job"]:
        # At the pace of a saver that is in time, however long the carts have waited.
        settings.CART_WRITE_BEHIND_SECONDS = 0
        # Not to be imported before Django is set up.
        import_module("carts.tasks").save_unsaved_carts()
        return
    told = StringIO()
    began = time.process_time()
    call_command("sync_cart", all=True, json=True, stdout=told)
    cpu_seconds = time.process_time() - began
    report = json.loads(told.getvalue())
    print(
        json.dumps(
            {
                "saved": report["saved"],
                "seconds": report["seconds"],
                "cpu_seconds": cpu_seconds,
                "peak_mib": _read_peak_mib(),
            }
        )
    )


def _read_peak_mib() -> float:
    # What getrusage tells begins with the memory of the process this one was started by.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    [peak_kib] = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(peak_kib) / 1_024


if __name__ == "__main__":
    main()
