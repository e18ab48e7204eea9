"""Scores of trained models, and their reports."""
