"""The pages for people: every setting and every type of error is in them, and no link is broken."""

import re
from pathlib import Path

import pytest

from config.http.errors import STATUSES
from tests.config.project import ROOT

PAGES = sorted(
    [
        *ROOT.glob("README*.md"),
        *(ROOT / app / "README.md" for app in ("carts", "config", "orders", "products")),
    ]
)


def read_table(page: Path) -> dict[str, str]:
    """Return the second column of a page's tables by the names in the first."""
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: second for first, second in rows for name in re.findall(r"`(\w+)`", first)}


def test_every_setting_is_in_the_operators_table() -> None:
    code = (ROOT / "config/settings.py").read_text(encoding="utf-8")
    settings = set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', code))

    # What `up` tells its own processes is nobody's to set.
    assert settings - set(read_table(ROOT / "config/README.md")) == {"STORES_ARE_EMBEDDED"}


def test_every_type_of_error_is_in_the_storefronts_table_with_its_status() -> None:
    table = read_table(ROOT / "carts/README.md")

    assert table == {code: str(status) for code, status in STATUSES.items()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))

    assert links
    assert [link for link in links if not (page.parent / link).exists()] == []
