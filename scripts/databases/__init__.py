"""Edges to the database engines."""
