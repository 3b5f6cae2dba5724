"""HTTP of the accounts."""
