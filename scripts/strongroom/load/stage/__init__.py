"""The schema beside the live one: what it is made of, and which table and column of the source goes where."""
