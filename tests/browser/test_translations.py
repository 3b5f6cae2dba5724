"""The compiled catalogues, which are what the shop reads, have every text of its sources."""

import gettext
import re
from pathlib import Path

import pytest
from django.conf import settings

_IN_SCRIPTS = re.compile(r'n?gettext\(\s*"((?:[^"\\]|\\.)*)"')
_IN_TEMPLATES = re.compile(r'{%\s*translate\s+(?:"([^"]*)"|\'([^\']*)\')')


def read_catalogue(domain: str) -> gettext.NullTranslations:
    return gettext.translation(domain, settings.LOCALE_PATHS[0], languages=["zh_Hans"])


def find_texts(pattern: re.Pattern[str], folder: Path, files: str) -> list[str]:
    sources = (path.read_text(encoding="utf-8") for path in sorted(folder.rglob(files)))
    found = (match for source in sources for match in pattern.finditer(source))
    return sorted({next(filter(None, match.groups())) for match in found})


@pytest.mark.parametrize(
    ("domain", "texts"),
    [
        (
            "djangojs",
            find_texts(_IN_SCRIPTS, settings.BASE_DIR / "config/static/shop", "*.js"),
        ),
        ("django", find_texts(_IN_TEMPLATES, settings.BASE_DIR / "templates", "*.html")),
    ],
)
def test_every_text_of_the_shop_is_translated(domain: str, texts: list[str]) -> None:
    catalogue = read_catalogue(domain)

    translated = [text for text in texts if is_translated(catalogue, text)]

    assert len(texts) > 80
    assert translated == texts


def is_translated(catalogue: gettext.NullTranslations, text: str) -> bool:
    """Tell whether a text, or its plural, is other than its source."""
    return catalogue.gettext(text) != text or catalogue.ngettext(text, "", 1) not in {text, ""}
