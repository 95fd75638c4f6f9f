"""Strict YAML: what a person wrote, where it stands, and one clear line when it is wrong."""

from strongroom.core.yaml_text.explaining import explain_validation, read_model, render_schema, validate_model
from strongroom.core.yaml_text.loading import KeyPath, Position, Positions, load_yaml, name_key

__all__ = [
    "KeyPath",
    "Position",
    "Positions",
    "explain_validation",
    "load_yaml",
    "name_key",
    "read_model",
    "render_schema",
    "validate_model",
]
