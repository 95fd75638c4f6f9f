"""Redis: where it is, a verified way to it, its protocol, and its dumps."""
