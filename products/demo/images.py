"""Pictures of the demo products: small SVGs made of an icon, a label and a colour."""

import tomllib
from functools import cache
from hashlib import blake2b
from html import escape
from pathlib import Path

_PICTURE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 240" role="img">
<title>{label}</title>
<linearGradient id="g" x2="1" y2="1"><stop stop-color="hsl({hue},48%,58%)"/>\
<stop offset="1" stop-color="hsl({far_hue},50%,34%)"/></linearGradient>
<path fill="url(#g)" d="M0 0h240v240H0z"/>
<g fill="#fff"><circle cx="{x}" cy="36" r="88" opacity=".1"/>\
<circle cx="120" cy="104" r="72" opacity=".16"/></g>
<g transform="translate(66 50) scale(4.5)" fill="none" stroke="#fff" stroke-width="1.2" \
stroke-linecap="round" stroke-linejoin="round">{icon}</g>
<text x="120" y="214" fill="#fff" font-family="system-ui,sans-serif" font-size="20" \
font-weight="600" letter-spacing="2" text-anchor="middle">{label}</text>
</svg>
"""


def draw_product(*, slug: str, icon: str) -> str:
    """Return a product's SVG: its icon (a name in icons.toml) and slug, in colours of its own."""
    colour = int.from_bytes(blake2b(slug.encode(), digest_size=4).digest())
    hue = colour % 360
    return _PICTURE.format(
        label=escape(slug.replace("-", " ").upper()),
        hue=hue,
        far_hue=(hue + 36) % 360,
        x=20 + colour // 360 % 200,
        icon=_read_icons()[icon],
    )


@cache
def _read_icons() -> dict[str, str]:
    return tomllib.loads((Path(__file__).parent / "icons.toml").read_text(encoding="utf-8"))
