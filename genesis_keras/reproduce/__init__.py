"""The paper's tables: which runs they need, what of them is done, and the rest."""
