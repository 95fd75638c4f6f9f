"""What people decide about rows that no rule of a plan can: found, kept, handed to the merge, applied."""
