"""What everything stands on: errors, settings, plans, values, files and programs. Knows no database."""
