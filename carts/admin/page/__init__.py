"""A cart's page: both copies side by side, and what has happened."""
