"""What applications open their databases with."""
