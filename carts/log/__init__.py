"""The change log: every change of a cart, kept for a while.

Scripts write changes to a `stream` in Redis; `rows` moves them to PostgreSQL; from there `kafka`
sends them to other systems and `analytics` counts them. The admin shows them.
"""
