"""The main job: many legacy files in, a few trusted targets out, every row accounted for."""
