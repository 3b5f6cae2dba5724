"""A cart's page: the living cart beside its copy, and what has happened to it."""
