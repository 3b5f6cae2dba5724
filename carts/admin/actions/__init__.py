"""What staff can do to a cart from its page: asked for first, then done by the operations."""
