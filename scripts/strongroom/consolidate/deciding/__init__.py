"""What a person decides about groups that no rule could: shown, chosen, checked, and kept for the next run.

``.github/PLAN.md``, section 8, says what a decision means. Ledgers are read only; what is decided is kept in one file,
``TARGET/.strongroom/decisions.yaml``.
"""
