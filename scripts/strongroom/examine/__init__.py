"""Look at what is there, and say what is wrong with it: inventory, draft, guard, doctor, recovery."""
