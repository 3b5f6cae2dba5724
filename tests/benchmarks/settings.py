"""The project's settings, with an empty view beside the project's routes."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "tests.benchmarks.urls"
