"""Where sets are kept: a folder, or a restic repository in a folder or a bucket."""
