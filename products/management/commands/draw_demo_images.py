"""Draw the pictures of the demo products anew."""

from pathlib import Path
from typing import Any

from django.core.management import BaseCommand

from products.demo.catalogue import image_path, read_catalogue
from products.demo.images import draw_product

STATIC_DIR = Path(__file__).resolve().parents[2] / "static"


class Command(BaseCommand):
    help = "Draw the demo products' pictures into products/static, after a change of the demo shop."

    def handle(self, *args: Any, **options: Any) -> None:
        pictures = {
            STATIC_DIR / image_path(slug): draw_product(slug=slug, icon=icon)
            for slug, icon in read_catalogue().icons.items()
        }
        folder = STATIC_DIR / image_path("any").rpartition("/")[0]
        for stale in set(folder.glob("*.svg")) - pictures.keys():
            stale.unlink()
        for path, picture in pictures.items():
            path.write_text(picture, encoding="utf-8")
        self.stdout.write(f"{len(pictures)} pictures in {folder}")
