"""Tests of products.exchange."""
