"""Reading /metrics."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

Sample = tuple[str, frozenset[tuple[str, str]]]


def parse_figures(text: str) -> dict[Sample, float]:
    """Return every figure by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def read_figure(name: str, **labels: str) -> float:
    """Return a figure of this process; 0.0 for one that is not there."""
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    return parse_figures(answer.content.decode()).get((name, frozenset(labels.items())), 0.0)


@contextmanager
def grows(name: str, *, by: float, **labels: str) -> Iterator[None]:
    """Assert that a figure of this process grows by this much meanwhile."""
    before = read_figure(name, **labels)
    yield
    assert read_figure(name, **labels) - before == by
