"""Files as other programs write them, with their oddities."""

from pathlib import Path

from products.exchange.entries import Faulty, ProductEntry, Read
from products.exchange.formats import find_format, find_reader

SHOPIFY = """\
Handle,Title,Body (HTML),Vendor,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,\
Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,\
Variant Compare At Price,Variant Barcode,Image Src,Image Position,Variant Image,Status
cup,"Cup ""Nord\"\"","<p>Holds <b>tea</b>.</p>
<ul><li>Blue</li><li>Red &amp; round</li></ul><script>alert(1)</script>",Nordlicht,true,\
Color,Blue,Size,S,CUP-1,shopify,7,deny,12.90,15.00,'4006381333931,https://ex.org/b.jpg,2,,active
cup,,,,,,Red,,S,,shopify,-2,deny,"$1,299.00",10.00,,https://ex.org/a.jpg,1,https://ex.org/r.jpg,
cup,,,,,,,,,,,,,,,,https://ex.org/c.jpg,3,,
card,Gift,,,true,Title,Default Title,,,,,0,continue,5,,,,,,draft
cup,,,,,,Green,,L,CUP-3,,3,deny,9,,,,,,
"""

WOOCOMMERCE = """\
ID,Type,SKU,Name,Published,Description,In stock?,Stock,Backorders allowed?,Sale price,\
Regular price,Images,Parent,Attribute 1 name,Attribute 1 value(s)
12,variation,,Hoodie - Blue,1,,1,parent,0,,45,https://ex.org/blue.jpg,HOOD,Colour,Blue
10,variable,HOOD,Hoodie,1,"Warm\\n<strong>and</strong> soft",1,8,0,,,\
"https://ex.org/h1.jpg, https://ex.org/h2.jpg",,Colour,"Blue, Red"
11,variation,HOOD-R,Hoodie - Red,1,,1,4,0,39.50,45,,id:10,Colour,Red
13,"simple, virtual",,Voucher,-1,,1,,0,,20,,,,
14,simple,OUT,Sold out,1,,0,,0,,20,,,,
15,external,EXT,Elsewhere,1,,1,,0,,20,,,,
16,variation,LOST,Lost,1,,1,1,0,,20,,id:99,,
"""

GOOGLE = """\
<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>
<item><g:id>T-1</g:id><g:item_group_id>T</g:item_group_id><title>Tee</title>
<g:description>Soft &amp; warm</g:description><g:image_link>https://ex.org/t.jpg</g:image_link>
<g:additional_image_link>https://ex.org/t2.jpg</g:additional_image_link>
<g:availability>in_stock</g:availability><g:price>25.00 EUR</g:price>
<g:sale_price>19.99 EUR</g:sale_price><g:brand>Nordlicht</g:brand><g:color>Red</g:color>
<g:gtin>4006381333931</g:gtin><g:shipping><g:price>4.95 EUR</g:price></g:shipping></item>
<item><g:id>X</g:id><title>Elsewhere</title><g:price>5 USD</g:price></item>
<item><g:id>T-2</g:id><g:item_group_id>T</g:item_group_id><title>Tee</title>
<g:availability>out of stock</g:availability><g:price>25 EUR</g:price><g:size>M</g:size></item>
</channel></rss>
"""


def read_file(path: Path, *, currency: str = "EUR") -> list[Read | Faulty]:
    """Read a file in the format that it seems to have."""
    return list(find_reader(path, find_format(path))(path, currency=currency))


def read_text(
    folder: Path, text: str, *, encoding: str = "utf-8", currency: str = "EUR"
) -> list[Read | Faulty]:
    """Read what a file of this text holds."""
    path = folder / "goods"
    path.write_bytes(text.encode(encoding))
    return read_file(path, currency=currency)


def entries_of(found: list[Read | Faulty]) -> dict[str, ProductEntry]:
    """Return what was read, by external id."""
    return {each.entry.external_id: each.entry for each in found if isinstance(each, Read)}


def faults_of(found: list[Read | Faulty]) -> list[tuple[int, str]]:
    """Return the faults, each with its line."""
    return [(each.line, each.reason) for each in found if isinstance(each, Faulty)]
