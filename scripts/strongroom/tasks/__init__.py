"""The tasks that users see: one module per namespace."""
