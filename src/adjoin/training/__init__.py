"""The training: recipe, schedule, loop, checkpoints, log."""
