"""The demo shop: pages and scripts that know the rest of the system by its API alone."""
