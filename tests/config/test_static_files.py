"""Static files in production: named by their content, wherever they are named."""

import re
from pathlib import Path

from tests.config.project import run_python
from tests.config.test_production import GOOD

IMPORT = re.compile(r"""^(?:import|export|\}).*?["'](\.[^"']+)["'];$""", re.MULTILINE)
HASHED = re.compile(r"\.[0-9a-f]{12}\.js$")


def test_modules_import_each_other_by_their_hashed_names(tmp_path: Path) -> None:
    collected = run_python(
        "manage.py", "collectstatic", "--no-input", STATIC_ROOT=str(tmp_path), **GOOD
    )
    modules = [path for path in (tmp_path / "shop").rglob("*.js") if HASHED.search(path.name)]
    imports = [
        (module, name)
        for module in modules
        for name in IMPORT.findall(module.read_text(encoding="utf-8"))
    ]

    assert (collected.returncode, collected.stderr) == (0, "")
    assert len(imports) > 50
    assert [name for _, name in imports if not HASHED.search(name)] == []
    assert [name for module, name in imports if not (module.parent / name).exists()] == []
