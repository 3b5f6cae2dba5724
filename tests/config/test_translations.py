"""The catalogues of Simplified Chinese: whole, compiled, and with every text of the sources.

`django-admin makemessages -l zh_Hans` (with `-d djangojs` for scripts) collects new texts, and
`compilemessages` compiles them; both need the gettext programs.
"""

import ast
import gettext
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
CATALOGUES = sorted(path for folder in settings.LOCALE_PATHS for path in Path(folder).rglob("*.po"))
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}")
_IN_SCRIPTS = re.compile(r'n?gettext\(\s*"((?:[^"\\]|\\.)*)"')
_TRANSLATE = re.compile(r"""{%\s*(?:translate|trans)\s+(?:"([^"]*)"|'([^']*)')""")
_BLOCK = re.compile(r"{%\s*blocktranslate\b[^%]*%}(.*?){%\s*endblocktranslate\s*%}", re.DOTALL)
_VARIABLE = re.compile(r"{{\s*(\w+)\s*}}")


@dataclass(frozen=True)
class Message:
    """An entry of a catalogue; `texts` are the translations, of which Chinese needs one."""

    source: str
    plural: str
    texts: tuple[str, ...]
    is_fuzzy: bool


def read_messages(path: Path) -> list[Message]:
    """Read a .po file's entries but for its header, which is that of the empty text."""
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    return [message for message in map(_read_message, blocks) if message.source]


def _read_message(block: str) -> Message:
    fields: dict[str, str] = {}
    keyword = ""
    for line in block.splitlines():
        if line.startswith("#"):
            continue
        word, quoted = re.fullmatch(r'(?:(\S+) )?(".*")', line).groups()  # type: ignore[union-attr]
        keyword = word or keyword
        fields[keyword] = fields.get(keyword, "") + ast.literal_eval(quoted)
    texts = tuple(text for name, text in fields.items() if name.startswith("msgstr"))
    is_fuzzy = any(line.startswith("#,") and "fuzzy" in line for line in block.splitlines())
    return Message(fields.get("msgid", ""), fields.get("msgid_plural", ""), texts, is_fuzzy)


def name_catalogue(path: Path) -> str:
    return f"{path.parent.parent.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", CATALOGUES, ids=name_catalogue)
def test_every_message_is_translated_and_none_is_a_guess(path: Path) -> None:
    messages = read_messages(path)

    assert len(messages) > 50
    assert [message.source for message in messages if not all(message.texts)] == []
    assert [message.source for message in messages if message.is_fuzzy] == []
    assert "#~" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", CATALOGUES, ids=name_catalogue)
def test_translations_have_the_placeholders_of_their_sources(path: Path) -> None:
    different = [
        message.source
        for message in read_messages(path)
        for text in message.texts
        if set(_PLACEHOLDER.findall(text)) != set(_PLACEHOLDER.findall(message.source))
    ]

    assert different == []


@pytest.mark.parametrize("path", CATALOGUES, ids=name_catalogue)
def test_the_compiled_catalogue_says_the_same(path: Path) -> None:
    with path.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)

    different = [
        message.source
        for message in read_messages(path)
        if (
            compiled.ngettext(message.source, message.plural, 2)
            if message.plural
            else compiled.gettext(message.source)
        )
        != message.texts[0]
    ]

    assert different == []


def find_in_python() -> Iterator[str]:
    """Yield the texts that the apps' code marks for translation."""
    for app in ("accounts", "carts", "config", "orders", "products"):
        for path in sorted((ROOT / app).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            marks = {
                alias.asname or alias.name
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
                for alias in node.names
                if "gettext" in alias.name
            }
            for node in ast.walk(tree):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id in marks
                ):
                    text = ast.literal_eval(node.args[0])
                    assert isinstance(text, str)
                    yield text


def find_in_templates() -> Iterator[str]:
    """Yield the texts of all templates."""
    for path in sorted((ROOT / "templates").rglob("*.html")):
        html = path.read_text(encoding="utf-8")
        for match in _TRANSLATE.finditer(html):
            yield match.group(1) or match.group(2)
        for match in _BLOCK.finditer(html):
            yield _VARIABLE.sub(r"%(\1)s", match.group(1))


def find_in_scripts() -> Iterator[str]:
    """Yield the texts of the shop's scripts."""
    for path in sorted((ROOT / "config/static/shop").rglob("*.js")):
        for match in _IN_SCRIPTS.finditer(path.read_text(encoding="utf-8")):
            yield match.group(1)


@pytest.mark.parametrize(
    ("find_texts", "catalogue"),
    [
        (find_in_python, "django.po"),
        (find_in_templates, "django.po"),
        (find_in_scripts, "djangojs.po"),
    ],
)
def test_every_text_of_the_sources_is_in_the_catalogue(
    find_texts: Callable[[], Iterator[str]], catalogue: str
) -> None:
    path = Path(settings.LOCALE_PATHS[0]) / "zh_Hans/LC_MESSAGES" / catalogue
    known = {message.source for message in read_messages(path)}

    texts = set(find_texts())

    assert len(texts) > 80
    assert sorted(texts - known) == []
