"""Connections to PostgreSQL and Redis, and what their failures mean. Imports no app."""
