"""Training runs: settings and recipes, optimiser, callbacks, checkpoints, summaries."""
