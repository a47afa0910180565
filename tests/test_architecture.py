"""The rules of docs/architecture.md that a careless import would break."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TENSORFLOW_ENGINE = "app/captioning/engines/tensorflow.py"


def imports(file: Path) -> Iterator[str]:
    yield from imports_of(ast.parse(file.read_text(encoding="utf-8")))


def imports_of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def importers(folder: str, *modules: str) -> set[str]:
    """Files of a folder that import one of these modules, or a part of one."""
    return {
        str(file.relative_to(ROOT))
        for file in (ROOT / folder).rglob("*.py")
        for name in imports(file)
        if any(name == module or name.startswith(f"{module}.") for module in modules)
    }


def test_the_service_never_imports_training():
    assert not importers("app", "training")


def test_the_inference_core_imports_neither_flask_nor_the_web():
    assert not importers("app/captioning", "flask", "flask_babel", "werkzeug", "app.web")


def test_tensorflow_is_imported_by_its_engine_alone():
    assert importers("app", "tensorflow", "keras") == {TENSORFLOW_ENGINE}


def test_training_takes_from_the_service_its_core_and_its_photo_door_alone():
    assert not importers("training", "app.web", "app.cli", "app.config", "flask")


def test_opencv_stays_out_of_the_service():
    """It costs 31 MB of memory, and Pillow reads JPEG as well."""
    assert not importers("app", "cv2")


@pytest.mark.parametrize("trained", ["likelihood", "score"])
def test_what_trains_end_to_end_needs_no_tensorflow(trained):
    """Machines with a GPU may have another backend of Keras."""
    seen, left = set(), [f"training.end_to_end.{trained}"]
    left += ["training.decoders.soft_attention", "training.decoders.top_down"]
    while left:
        module = left.pop()
        file = ROOT / f"{module.replace('.', '/')}.py"
        file = file if file.exists() else file.with_suffix("") / "__init__.py"
        if module in seen or not file.exists():
            continue
        seen.add(module)
        tree = ast.parse(file.read_text(encoding="utf-8"))
        # What a function imports is not needed before it is called.
        tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = set(imports_of(tree))
        assert not any(name.split(".")[0] == "tensorflow" for name in names), file
        left += names
    assert "training.evaluation.metrics" in seen


@pytest.mark.parametrize(
    ("loaded", "absent"),
    [
        ("app.captioning.captioner", ["flask", "tensorflow"]),
        ("wsgi", ["tensorflow", "keras", "cv2", "training", "PIL.ImageCms"]),
    ],
)
def test_what_is_loaded_stays_small(loaded, absent):
    code = f"import sys, {loaded}; print([name for name in {absent} if name in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
