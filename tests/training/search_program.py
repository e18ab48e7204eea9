"""A search without training: a process of KerasTuner's distributed mode.

python tests/training/search_program.py WORKDIR
"""

import sys

from genesis_keras.training import search


def instead_of_train(config, workdir, resume):
    """The "model" of a trial is its settings."""
    workdir.mkdir(parents=True, exist_ok=True)
    return config


def score(config):
    """Best at the largest learning rate and four slots."""
    return {"elbo": config.learning_rate - (config.num_slots - 4) ** 2}


if __name__ == "__main__":
    search.train = instead_of_train
    table = search.search({}, sys.argv[1], score, 4, "val_elbo", "bayesian")
    print(table)
