"""Command lines: genesis-train, -evaluate, -export, -segment and others.

Each module `NAME` has a function `main(arguments=None)` that returns the exit status:
0, 1 after an error, 2 for a command line that is wrong, and 75 or 130 for a run that
was stopped and can go on. `train.py`, `evaluate.py` and `python -m genesis_keras.NAME`
are doors to the same functions.

`parser` reads the flags. `boundary` runs a command and turns errors of the user into
one line. Modules named like a command import TensorFlow only inside functions, so that
`--help` and wrong flags take no time.
"""
