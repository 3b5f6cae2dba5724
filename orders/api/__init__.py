"""HTTP of the orders."""
