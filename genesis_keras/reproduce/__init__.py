"""Reproduction of the paper's tables: plans of runs, their progress, reports."""
