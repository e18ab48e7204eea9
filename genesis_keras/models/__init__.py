"""Models, on one base class and with one output contract; and their recipes."""
