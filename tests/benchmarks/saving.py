"""How fast carts get from Valkey to PostgreSQL and back, and what that costs those who shop.

Carts have five lines, and belong to users and guests in turns. One process saves them; its peak
memory is that of the whole process, Django included.
"""

import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import batched, count
from typing import Any

from django.db import connection
from django_redis import get_redis_connection

from accounts.models import User
from carts.domain.cart import Cart, CartOwner, Line
from carts.live.codec import encode_cart
from carts.live.keys import cart_key, derive_cart_id, shard_keys, shard_prefix
from carts.permanent.restoring import restore_cart
from products.models import Sku
from tests.benchmarks.bench import Bench, Table
from tests.benchmarks.load import Call, make_load
from tests.benchmarks.shop import make_buyers, stock_shop

_SIZES = (10_000, 100_000)
_LINES = 5
_RESTORED = 10_000
_BUYERS = 16
_BATCH = 1_000
_names = (f"saver{number}" for number in count())
