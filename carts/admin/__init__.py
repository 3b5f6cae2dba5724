"""Carts in the admin: to look at both copies, and to mend what is wrong by the carts' services.

`carts.admin.sections` is where apps above the carts add to a cart's page.
"""

from carts.admin.carts import CartAdmin
from carts.log import admin as changes

__all__ = ["CartAdmin", "changes"]
