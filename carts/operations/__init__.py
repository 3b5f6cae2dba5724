"""What may be done to a cart: read it, change its lines, merge it, settle an order."""
