"""The list of carts and the search for one."""
