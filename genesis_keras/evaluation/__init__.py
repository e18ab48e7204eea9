"""Evaluation of trained models: scores, baselines, FID, edits and reports."""
