"""`genesis-reproduce`: what its flags do."""

import pytest

from genesis_keras.commands import reproduce, scoring
from genesis_keras.evaluation.groups import Run
from genesis_keras.reproduce.plans import plan

NAMES = [run.name for run in plan("2", "fast", (0,))]


@pytest.fixture(autouse=True)
def trained(monkeypatch):
    """Names of the runs that were trained; training leaves the files of a run."""
    names = []

    def train(config, folder, resume):
        assert resume
        names.append(folder.name)
        config.save(folder)
        (folder / "model.keras").touch()

    monkeypatch.setattr("genesis_keras.training.run.train", train)
    monkeypatch.setattr("keras.backend.clear_session", lambda: None)
    return names


@pytest.fixture
def reports(monkeypatch):
    """What the reports are asked for: options and command."""
    asked = []
    monkeypatch.setattr(scoring, "run", lambda *words: asked.append(words))
    return asked


def call(tmp_path, *words, table="2"):
    words = [f"--table={table}", "--scale=fast", "--seeds=0", *words]
    return reproduce.main([*words, f"--workdir={tmp_path}"])


def test_list_does_nothing_else(tmp_path, trained, reports, capsys):
    assert call(tmp_path, "--list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:-1]] == [[n, "to", "do"] for n in NAMES]
    assert lines[-1] == "0 of 3 runs are done"
    assert not trained and not reports and not list(tmp_path.iterdir())


def test_the_last_worker_writes_the_report(tmp_path, trained, reports, capsys):
    assert call(tmp_path, "--worker=2/2", "--num_images=9") == 0
    assert trained == [NAMES[1]] and not reports
    assert "1 of 3 runs are done. The report is written when" in capsys.readouterr().out
    assert call(tmp_path, "--worker=1/2", "--num_images=9", "--data_dir=d") == 0
    assert trained == [NAMES[1], NAMES[0], NAMES[2]]
    ((options, command),) = reports
    assert options.workdir == [str(tmp_path / name) for name in NAMES]
    assert (options.num_images, options.data_dir, options.fid) == (9, "d", False)
    assert options.out == str(tmp_path / "table_2")
    assert command.startswith("genesis-reproduce ")


def test_report_of_what_is_done(tmp_path, trained, reports, capsys):
    assert call(tmp_path, "--report") == 1
    assert "has no run of the table" in capsys.readouterr().err
    call(tmp_path, "--worker=1/3")
    assert call(tmp_path, "--report") == 0
    assert reports[0][0].workdir == [str(tmp_path / NAMES[0])] and len(trained) == 1


def test_fid_of_the_tables_that_have_it(tmp_path, reports):
    for table in ("1", "3"):
        call(tmp_path, "--fid_weights=w.pth", table=table)
    assert [(o.fid, o.fid_weights) for o, _ in reports] == [
        (False, None),
        (True, "w.pth"),
    ]


def test_report_of_the_ablations(tmp_path, monkeypatch):
    def score_runs(options):
        settings = {"dataset": "objects_room/rendered", "model": "genesis_v2"}
        scores = {"results": {"fixed": {"masks/ari_fg": 0.25}}}
        names = [folder.rpartition("/")[2] for folder in options.workdir]
        return [Run(name, settings, results=scores) for name in names]

    monkeypatch.setattr(scoring, "score_runs", score_runs)
    assert call(tmp_path, table="ablations") == 0
    report = (tmp_path / "table_ablations" / "report.md").read_text()
    assert "| epanechnikov | 1 | 0.25 |" in report and "| base | 1 | 0.25 |" in report


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--worker=3/2", "--worker must be i/n, 1 <= i <= n; got '3/2'"),
        ("--worker=2", "--worker must be i/n, 1 <= i <= n; got '2'"),
        ("--seeds=1,1", "--seeds must be different whole numbers by commas; got '1,1'"),
        ("--seeds=1,x", "--seeds must be different whole numbers by commas; got '1,x'"),
        ("--table=7", "--table must be one of 1, 2, 3, 4, 5, ablations; got '7'"),
    ],
)
def test_wrong_flags(tmp_path, capsys, word, message):
    with pytest.raises(SystemExit):
        call(tmp_path, word)
    assert message in capsys.readouterr().err


def test_tables_of_real_pictures_are_not_rendered(tmp_path, capsys):
    assert call(tmp_path, table="4") == 1
    assert "error: table=4 is about the pictures of apc" in capsys.readouterr().err
