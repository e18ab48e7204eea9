"""The command-line tools: genesis-train, genesis-evaluate and others.

Each module has a function `main(arguments=None)` that returns the exit status: 0, 1
after an error, 2 for an invalid command line, and 75 or 130 for a run that was
interrupted and can be resumed. `train.py`, `evaluate.py` and `python -m
genesis_keras.NAME` call the same functions.

`parser` parses flags. `boundary` runs a command and prints errors that users can cause
in one line. The modules of commands only import TensorFlow inside functions, so that
`--help` and errors in flags are fast.
"""
