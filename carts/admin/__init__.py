"""Carts and their log in the admin: to look at both copies, and to mend what is wrong.

Whatever is done from here is done by the operations that the API and the commands use. The classes
(`carts`, `log`) stand upon three rooms: `list` finds carts, `page` shows one, `actions` changes it.
What the rooms share lies beside them; `sections` is where apps above add to a cart's page.
"""

from carts.admin import carts, log

__all__ = ["carts", "log"]
