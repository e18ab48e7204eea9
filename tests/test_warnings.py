"""The warning filters of pyproject.toml: a warning from our own code fails a test."""

import warnings

import pytest


@pytest.mark.parametrize(
    "module", ["genesis_keras", "genesis_keras.models.base", "datasets.sources"]
)
def test_warnings_of_our_code_are_errors(module):
    with pytest.raises(UserWarning, match="a warning"):
        warnings.warn_explicit("a warning", UserWarning, "file.py", 1, module=module)


def test_the_note_about_geco_is_not_an_error():
    with warnings.catch_warnings(record=True) as caught:
        warnings.warn_explicit("no GECO", UserWarning, "f.py", 1, module="keras.src")
    assert not caught
