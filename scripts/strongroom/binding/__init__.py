"""Bind a plan to what is really there: every file, table and column gets its place, or is an error."""

from strongroom.binding.bind import bind
from strongroom.binding.conversions import refuse_conversions
from strongroom.binding.model import BoundInput, Rewrite, TableJob, TargetJob, Work
from strongroom.binding.registered import refuse_unopened

__all__ = ["BoundInput", "Rewrite", "TableJob", "TargetJob", "Work", "bind", "refuse_conversions", "refuse_unopened"]
