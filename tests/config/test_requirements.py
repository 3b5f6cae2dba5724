"""Production's requirements: the programs of a shop start with nothing else installed."""

from tests.config.project import run_python
from tests.config.test_production import GOOD

# Hides what only development has installed, then imports the three programs and their broker.
START_ALL = """
import re, sys
from importlib.metadata import packages_distributions
from pathlib import Path

text = Path("requirements/prod.txt").read_text(encoding="utf-8")
pinned = {re.sub("[-_.]+", "-", name).lower() for name in re.findall(r"^([\\w.-]+)==", text, re.M)}
owners = packages_distributions()

class Production:
    def find_spec(self, name, path=None, target=None):
        known = {re.sub("[-_.]+", "-", owner).lower() for owner in owners.get(name, ())}
        if known and not known & pinned:
            raise ModuleNotFoundError(f"No module named {name!r} in production", name=name)

sys.meta_path.insert(0, Production())
import kombu.transport.redis, config.celery, config.server, config.wsgi
config.celery.app.loader.import_default_modules()
"""


def test_the_programs_import_nothing_that_production_does_not_install() -> None:
    started = run_python("-c", START_ALL, **GOOD)

    assert started.returncode == 0, started.stderr
