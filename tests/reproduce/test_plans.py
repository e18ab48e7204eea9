"""The runs of a table."""

import pytest

from genesis_keras.evaluation import paper
from genesis_keras.reproduce.plans import TABLES, VARIANTS, plan


@pytest.mark.parametrize(
    ("table", "count"),
    [("1", 24), ("2", 9), ("3", 18), ("4", 12), ("5", 18), ("ablations", 24)],
)
def test_runs_of_the_paper(table, count):
    runs = plan(table, "paper")
    assert len(runs) == len({run.name for run in runs}) == count
    assert {run.config.recipe for run in runs} == {"paper"}
    assert {run.config.steps for run in runs} == {500_000}
    assert {run.config.seed for run in runs} == {0, 1, 2}


def test_models_and_data_are_those_of_the_paper():
    cells = {(r.config.model, r.config.dataset) for r in plan("1", "paper")}
    datasets = {"ObjectsRoom": "objects_room/default"}
    datasets["ShapeStacks"] = "shapestacks/default"
    assert cells == {
        (model, datasets[name])
        for name, scores in paper.SEGMENTATION.items()
        for model in scores
    }
    real = {(r.config.model, r.config.dataset.title()) for r in plan("5", "paper")}
    assert real == {
        (model, name.title())
        for name, scores in paper.REAL_FID.items()
        for model in scores
    }


def test_tables_share_their_runs():
    first = {run.name: run.config for run in plan("1", "paper")}
    for table in ("2", "3", "ablations"):
        base = [run for run in plan(table, "paper") if run.variant == "base"]
        assert base and all(first[run.name] == run.config for run in base)


def test_each_variant_changes_its_settings_alone():
    runs = {run.variant: run.config for run in plan("ablations", "paper", seeds=(4,))}
    assert runs.keys() == VARIANTS.keys()
    base = vars(runs["base"])
    for variant, config in runs.items():
        changed = {name: v for name, v in vars(config).items() if v != base[name]}
        assert changed == VARIANTS[variant]


def test_fast_scale_is_rendered():
    runs = plan("2", "fast", (0,), {"steps": 7, "data_dir": "d"})
    assert [run.config.dataset for run in runs] == [
        "objects_room/rendered",
        "shapestacks/rendered",
        "shapestacks/rendered",
    ]
    assert {(r.config.recipe, r.config.steps, r.config.data_dir) for r in runs} == {
        ("fast", 7, "d")
    }
    assert [run.config.mask_consistency for run in runs] == [False, False, True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("6", "paper"), "table must be one of 1, .*; got '6'"),
        (("1", "slow"), "scale must be one of paper, fast; got 'slow'"),
        (("4", "fast"), "table=4 .* apc"),
        (("5", "fast"), "table=5 .* sketchy"),
    ],
)
def test_what_there_is_not(arguments, message):
    with pytest.raises(ValueError, match=message):
        plan(*arguments)
    assert arguments[0] in (*TABLES, "6")
