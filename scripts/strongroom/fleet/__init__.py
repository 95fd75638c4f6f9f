"""One task over many tenants: the list of them, one index's share of it, and what became of each.

What is done with a tenant comes in as a function: this package knows lists, results and workers, and no subject.
"""
