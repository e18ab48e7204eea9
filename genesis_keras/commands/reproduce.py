"""`genesis-reproduce`: trains and reports the runs of a table of the paper."""

import argparse
import functools
import re
import shlex
import sys

from genesis_keras.commands import evaluate
from genesis_keras.commands.boundary import run_command, start_tensorflow
from genesis_keras.commands.parser import CommandParser
from genesis_keras.reproduce.plans import FID_TABLES, SCALES, TABLES, plan
from genesis_keras.storage import local_path

_COMMAND = "genesis-reproduce"


def main(arguments=None):
    """Runs the command; returns its exit status.

    Args:
        arguments: List of arguments; by default those of the command line.
    """
    return run_command(_parser(), _reproduce, arguments)


def _parser():
    parser = CommandParser(
        _COMMAND,
        "Makes a table of the paper: lists its runs, trains or resumes those that are "
        "not done, and writes the report. Stopped, it goes on when called again.",
    )
    parser.topic("Table")
    parser.flag("table", meaning="Which", choices=tuple(TABLES), required=True)
    parser.flag(
        "scale",
        "paper",
        "The paper's data and settings, or the fast recipe on rendered sets",
        choices=SCALES,
    )
    parser.flag(
        "seeds",
        (0, 1, 2),
        "By commas.",
        kind=_parse_seeds,
        shown="0,1,2",
    )
    parser.flag("steps", meaning="Steps of every run, for a trial.", kind=int, least=1)
    parser.topic("What to do")
    parser.switch("list", "Only list the runs and their progress.")
    parser.switch("report", "Write the report of the finished runs, without training.")
    parser.flag(
        "worker",
        (1, 1),
        "i/n: do every n-th run from the i-th on; the machines share --workdir.",
        kind=_parse_worker,
        shown="1/1",
    )
    parser.topic("Scores")
    parser.flag("num_images", 320, "Images to evaluate per run.", least=1)
    parser.flag("fid_weights", meaning="pytorch-fid's weights, or 'download'.")
    parser.topic("Files")
    parser.flag("workdir", meaning="Folder of all runs; by default runs/SCALE.")
    parser.flag("data_dir", meaning="Folder of the data sets.")
    parser.flag("manual_dir", meaning="Folder of manually downloaded source files.")
    return parser


def _reproduce(options):
    """Lists, trains and reports."""
    names = ("steps", "data_dir", "manual_dir")
    chosen = {name: getattr(options, name) for name in names}
    overrides = {name: value for name, value in chosen.items() if value is not None}
    runs = plan(options.table, options.scale, options.seeds, overrides)
    workdir = local_path(options.workdir or f"runs/{options.scale}")
    start_tensorflow()
    from genesis_keras.reproduce.progress import do_runs, list_runs, progress_of
    from genesis_keras.training.preemption import PreemptedError, exit_on_signals
    from genesis_keras.training.run import train

    print(list_runs(runs, workdir), flush=True)
    if options.list:
        return 0
    failed = {}
    if not options.report:
        exit_on_signals()
        resume = functools.partial(train, resume=True)
        try:
            failed = do_runs(runs, workdir, resume, options.worker)
        except PreemptedError as error:
            again = f"{_COMMAND} {shlex.join(sys.argv[1:])}"
            print(f"stopped: {error}; go on with: {again}", file=sys.stderr, flush=True)
            return error.code
    done = [run for run in runs if progress_of(run, workdir).is_done]
    if len(done) < len(runs) and not options.report:
        print(
            f"{len(done)} of {len(runs)} runs are done. The report is written when all "
            "are: call the command again, or with --report for those that are done."
        )
        return 1 if failed else 0
    if not done:
        raise ValueError(f"workdir={str(workdir)!r} has no run of the table to report")
    _report(options, done, workdir)
    return 0


def _report(options, runs, workdir):
    """Evaluates the runs and writes `workdir/table_NAME/report.md`."""
    words = [
        *(f"--workdir={workdir / run.name}" for run in runs),
        f"--num_images={options.num_images}",
        f"--out={workdir / f'table_{options.table}'}",
    ]
    for name in ("data_dir", "manual_dir"):
        if getattr(options, name):
            words.append(f"--{name}={getattr(options, name)}")
    if options.fid_weights and options.table in FID_TABLES:
        words += ["--fid", f"--fid_weights={options.fid_weights}"]
    scoring_options = evaluate._parser().parse_args(words)
    from genesis_keras.commands import scoring
    from genesis_keras.reproduce.ablations import write_ablations

    command = f"{_COMMAND} {shlex.join(sys.argv[1:])}"
    if options.table != "ablations":
        scoring.run(scoring_options, command)
        return
    scored = {}
    variants = {run.name: run.variant for run in runs}
    for run in scoring.score_runs(scoring_options):
        scored.setdefault(variants[run.name], []).append(run)
    out = write_ablations(workdir / "table_ablations", scored, command)
    print(f"report in {out}")


def _parse_worker(text):
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    worker = tuple(map(int, match.groups())) if match else (0, 0)
    if not 1 <= worker[0] <= worker[1]:
        raise argparse.ArgumentTypeError(f"must be i/n, 1 <= i <= n; got {text!r}")
    return worker


def _parse_seeds(text):
    seeds = text.split(",")
    if not all(map(str.isdecimal, seeds)) or len(set(seeds)) < len(seeds):
        raise argparse.ArgumentTypeError(
            f"must be different whole numbers by commas; got {text!r}"
        )
    return tuple(map(int, seeds))
