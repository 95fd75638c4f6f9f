"""Every fault that befalls backups, beside every command that may notice it."""
