"""Training, contrastive and generative: recipe, setup, loop, checkpoints, log."""
