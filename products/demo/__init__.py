"""The demo shop: what it sells (catalogue.toml), its pictures, and loading it."""
