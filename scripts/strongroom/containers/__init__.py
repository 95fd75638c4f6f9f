"""The stack of containers for developer machines and CI: images, certificates, services."""

DUE_DAYS = 15
"""A certificate of the stack that ends within so many days is issued anew."""
