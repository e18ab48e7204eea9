"""Training runs: settings, optimiser, callbacks, checkpoints, summaries."""
