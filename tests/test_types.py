"""Type hints: on every public function of the documented packages, and shipped."""

import ast
import pathlib
import re
import tomllib
import types

import pytest

import genesis_keras.types

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "genesis_keras"
DOCUMENTED = sorted(
    match[1]
    for page in (ROOT / "docs" / "api").glob("*.md")
    for match in re.finditer(
        r"^\[modules: genesis_keras\.(\w+)\]$", page.read_text(), re.M
    )
)
MODULES = sorted(
    path
    for room in [*DOCUMENTED, "presets", "segmentation"]
    for path in (PACKAGE / room).glob("*.py")
    if path.name != "__main__.py"
)


def public_functions(tree):
    """Functions and methods that users may call, with whether they are methods."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and (
                    not item.name.startswith("_")
                    or item.name in ("__init__", "__call__")
                ):
                    static = any(
                        "static" in ast.unparse(d) for d in item.decorator_list
                    )
                    yield item, not static
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node, False


def not_annotated(function, is_method):
    """Names of what has no type in a function's signature."""
    signature = function.args
    arguments = [*signature.posonlyargs, *signature.args]
    arguments = arguments[1 if is_method else 0 :] + signature.kwonlyargs
    arguments += [each for each in (signature.vararg, signature.kwarg) if each]
    missing = [each.arg for each in arguments if each.annotation is None]
    return missing + ["return"] * (function.returns is None)


def test_all_documented_packages_are_looked_at():
    rooms = {path.parent.name for path in MODULES}
    assert {"models", "layers", "metrics", "training", "evaluation", "data"} <= rooms
    assert {"export", "convert", "visualization", "objectives"} <= rooms


@pytest.mark.parametrize(
    "path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_public_functions_have_type_hints(path):
    found = {
        f"{function.name} (line {function.lineno})": missing
        for function, is_method in public_functions(ast.parse(path.read_text()))
        if (missing := not_annotated(function, is_method))
    }
    assert not found


def test_missing_hints_are_found():
    tree = ast.parse(
        "def f(a: int, b, *c: int, d) -> int: ...\n"
        "class A:\n"
        "    def g(self, x: int): ...\n"
        "    def _h(self, x): ...\n"
    )
    found = [not_annotated(*each) for each in public_functions(tree)]
    assert found == [["b", "d"], ["return"]]


def test_names_exist_for_type_checkers_and_at_run_time():
    source = (PACKAGE / "types.py").read_text()
    checked = types.ModuleType("checked")
    exec(source.replace("if TYPE_CHECKING:", "if True:"), checked.__dict__)  # noqa: S102
    exported = {name for name in vars(checked) if name[0].isupper()}
    assert exported <= set(dir(genesis_keras.types)), exported
    assert {"Tensor", "Model", "Outputs"} <= exported


def test_the_marker_is_part_of_the_wheel():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    data = settings["tool"]["setuptools"]["package-data"]
    assert "py.typed" in data["genesis_keras"]
    assert (PACKAGE / "py.typed").exists()
