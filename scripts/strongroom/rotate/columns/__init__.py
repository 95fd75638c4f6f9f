"""Encrypted columns: brought under their key, under its active version, or back, while applications go on writing.

Rows are changed where they stand, in short transactions that say how far they are; killed anywhere, the same command
goes on. What speaks to PostgreSQL is imported where it is used.

The steps that ``Surroundings.reach`` names: ``locked``, ``begun``; of each batch ``sealed``, ``written`` (not yet
committed), ``committed``; of each round ``walked``, ``looked``; ``finished``. ``keys.rotate`` has ``columns marked``
before ``promoted``.
"""
