"""Commands in this process, and the line that each ends with."""

import pytest


@pytest.fixture
def one_line(capsys):
    """Function that runs a command and returns the one line of its error."""

    def run(main, *words):
        capsys.readouterr()
        try:
            status = main([str(word) for word in words])
        except SystemExit as stopped:  # a wrong flag
            status = stopped.code
        printed = capsys.readouterr().err
        assert status in (1, 2), printed
        lines = printed.splitlines()
        errors = [line for line in lines if line.startswith("error: ")]
        assert len(errors) == 1 and lines[-1] == errors[0], printed
        assert "Traceback" not in printed
        return errors[0]

    return run
