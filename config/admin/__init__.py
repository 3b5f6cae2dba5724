"""The admin's own pages: its first page, its menu, and the periodic jobs."""

from config.admin import schedule

__all__ = ["schedule"]
