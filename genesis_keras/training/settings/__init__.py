"""The settings of a run, by topic: data, each with its flag, help and bounds."""
