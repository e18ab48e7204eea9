"""Imports go one way (the data flow), and `import genesis_keras` stays light."""

import ast
import pathlib
import subprocess
import sys
import tomllib

import pytest

import genesis_keras

PACKAGE = pathlib.Path(genesis_keras.__file__).parent
USERS = {"models", "metrics", "data", "objectives", "visualization", "storage"}
ALLOWED = {
    "arguments": set(),
    "surroundings": set(),
    "environment": set(),
    "types": set(),
    "layers": {"distributions"},
    "distributions": set(),
    "objectives": {"distributions", "layers"},
    "metrics": set(),
    "data": {"storage"},
    "storage": set(),
    "archive_sizes": set(),
    "presets": {"storage", "archive_sizes"},
    "visualization": {"storage"},
    "models": {
        "layers",
        "distributions",
        "objectives",
        "presets",
        "surroundings",
    },
    "training": {
        "models",
        "metrics",
        "data",
        "objectives",
        "visualization",
        "storage",
        "archive_sizes",
        "presets",
        "environment",
    },
    "evaluation": {
        "layers",
        "models",
        "metrics",
        "data",
        "objectives",
        "visualization",
        "storage",
        "archive_sizes",
        "environment",
        "presets",
    },
    "export": {"models", "metrics", "data", "storage"},
    "convert": {
        "models",
        "metrics",
        "data",
        "objectives",
        "layers",
        "storage",
        "archive_sizes",
    },
    "segmentation": {"data", "presets", "visualization", "storage"},
    "demo": {"evaluation", "models", "presets", "segmentation", "visualization"},
    "segment": {"commands", "segmentation"},
    "reproduce": {"models", "data", "training", "evaluation", "storage"},
}
ALLOWED["commands"] = set(ALLOWED)


def package_of(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def imported_packages(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "genesis_keras" and len(parts) > 1:
                yield parts[1]


@pytest.mark.parametrize(
    "path",
    sorted(PACKAGE.rglob("*.py")),
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_imports_go_one_way(path):
    if path == PACKAGE / "__init__.py" or path.name == "__main__.py":
        return  # public names, and command lines, may come from all packages
    here = package_of(path)
    # All check their arguments by the same functions, and name types alike.
    common = {here, "arguments", "types"}
    wrong = set(imported_packages(path)) - ALLOWED[here] - common
    assert not wrong, f"{here} may not import {wrong}"


def test_the_wheel_contains_all_packages():
    root = PACKAGE.parent
    listed = tomllib.loads((root / "pyproject.toml").read_text())
    found = {
        ".".join(path.parent.relative_to(root).parts)
        for folder in ("genesis_keras", "datasets")
        for path in (root / folder).rglob("__init__.py")
    }
    installed = {name.replace("datasets", "genesis_keras_datasets") for name in found}
    assert installed == set(listed["tool"]["setuptools"]["packages"])


def registered_classes():
    """Names of the classes that are registered with Keras, read from the sources."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and any(
                "register_keras_serializable" in ast.unparse(decorator)
                for decorator in node.decorator_list
            ):
                yield node.name


@pytest.mark.parametrize("first", ["keras", "genesis_keras", "genesis_keras.metrics"])
def test_keras_knows_all_classes_that_files_may_contain(first):
    names = sorted(registered_classes())
    assert {"GenesisV2", "UsedSlots", "AidedAdam", "WarmupHalving"} <= set(names)
    script = (
        f"import {first}\n"
        "import genesis_keras, keras\n"
        "find = keras.saving.get_registered_object\n"
        f"print([n for n in {names} if find('genesis_keras>' + n) is None])\n"
    )
    command = [sys.executable, "-c", script]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_import_is_silent_and_light():
    script = (
        "import sys, tensorflow, keras\n"
        "before = set(sys.modules)\n"
        "import genesis_keras\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new & {'tensorflow_probability', 'tensorflow_datasets', "
        "'tf_keras', 'datasets', 'genesis_keras_datasets', 'matplotlib', 'torch', "
        "'gradio'}))\n"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "[]\n"
    assert "genesis" not in result.stderr
