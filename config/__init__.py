"""What all apps share (http, stores, serving), and the roof above them (admin, shop, settings)."""
