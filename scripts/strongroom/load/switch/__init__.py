"""Schemas change names: a load goes live in one transaction, and back."""
