"""What the APIs of all apps share: the envelope, errors, parsing, paging, limits, health."""
