"""What all apps share (http, stores, serving), and what knows them all (admin, shop, settings)."""
