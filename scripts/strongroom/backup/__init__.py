"""Backups as sets: taken, checked, stored, read back; verified, restored, rehearsed, pruned. A subject of its own."""
