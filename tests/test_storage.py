"""Paths given by users."""

import pathlib

import pytest

from genesis_keras.storage import local_path, new_folder, write_json


@pytest.fixture
def home(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return home


def test_a_tilde_is_the_home_folder_wherever_something_is_written(home, tmp_path):
    assert local_path("~/x") == home / "x"
    assert local_path(pathlib.Path("a/~")) == pathlib.Path("a/~")
    write_json("~/runs/a.json", {"a": 1})
    with new_folder("~/export") as partial:
        (partial / "x").write_text("")
    assert (home / "runs/a.json").is_file() and (home / "export/x").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]


@pytest.mark.parametrize("path", ["", "a\0b", "~no-such-user-here/x"])
def test_paths_that_are_none_are_quoted(path):
    with pytest.raises(ValueError) as error:
        local_path(path)
    assert repr(path) in str(error.value)
