"""The Celery worker: how it shares the machine with the shop."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.config.project import ROOT

_START = "import config.celery; from celery.signals import worker_init; worker_init.send(None)"
_AUTOGROUP = Path("/proc/self/autogroup")


def run_worker(question: str) -> str:
    """Ask a process that starts as a worker does; return what it prints."""
    command = [sys.executable, "-c", f"{_START}; {question}"]
    worker = subprocess.run(
        command, cwd=ROOT, capture_output=True, check=True, text=True, start_new_session=True
    )
    return worker.stdout


def test_a_worker_is_nicer_than_the_shop() -> None:
    before = int(subprocess.check_output([sys.executable, "-c", "import os; print(os.nice(0))"]))

    niceness = int(run_worker("import os; print(os.nice(0))"))

    assert niceness == min(before + 10, 19)


@pytest.mark.skipif(not _AUTOGROUP.exists(), reason="sessions share no cores here")
def test_a_worker_s_own_session_is_nicer_than_others() -> None:
    session = run_worker(f"print(open('{_AUTOGROUP}').read())")

    assert session.strip().endswith(" nice 10")
