"""The embedded stores, and the supervisor of `manage.py up`."""
