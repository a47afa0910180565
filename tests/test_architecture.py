"""The rules of docs/architecture.md that a careless import would break."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

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
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(folder: str, *modules: str) -> set[str]:
    """Files of a folder that import one of these modules, or a part of one."""
    return {
        str(file.relative_to(ROOT))
        for file in (ROOT / folder).rglob("*.py")
        for name in imports(file)
        if any(name == module or name.startswith(f"{module}.") for module in modules)
    }


def modules_of(folder: str, *without: str) -> list[str]:
    """All of a folder, by name, but for these."""
    files = (file.relative_to(ROOT) for file in (ROOT / folder).rglob("*.py"))
    names = {".".join(file.with_suffix("").parts).removesuffix(".__init__") for file in files}
    return sorted(names - {*without})


def file_of(module: str) -> Path:
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def loaded_by(modules: Sequence[str], **environment: str) -> set[str]:
    """Everything that is loaded once these modules are, in a process of their own."""
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(result.stdout.split())


def parts_of(loaded: set[str], *packages: str) -> set[str]:
    return {name for name in loaded if name.startswith(tuple(f"{one}." for one in packages))} | (
        loaded & {*packages}
    )


WEB = ("flask", "flask_babel", "jinja2", "werkzeug", "app.web")


def test_the_service_never_imports_training():
    assert not importers("app", "training")


def test_the_core_loads_neither_flask_nor_the_web():
    core = modules_of("app/captioning", "app.captioning.engines.tensorflow")
    loaded = loaded_by([*core, "app.photos", "app.mentions", "app.grounded", "app.models"])
    assert not parts_of(loaded, *WEB, "tensorflow", "keras", "cv2")
    assert not importers("app/captioning", *WEB), "not even when it is called"


def test_the_command_line_loads_nothing_of_the_web():
    # The one on a cluster needs Ray, which only those who have a cluster install.
    loaded = loaded_by(modules_of("app/cli", "app.cli.cluster"))
    assert not parts_of(loaded, *WEB, "tensorflow", "keras", "cv2")
    assert not importers("app/cli", *WEB)


def test_what_the_web_and_the_command_line_share_knows_of_neither():
    shared = {str(file.relative_to(ROOT)) for file in (ROOT / "app").glob("*.py")}
    assert shared & importers("app", "app.web", "app.cli") == {"app/__init__.py"}


def test_tensorflow_is_imported_by_its_engine_alone():
    assert importers("app", "tensorflow", "keras") == {TENSORFLOW_ENGINE}


def test_training_takes_from_the_service_its_core_and_its_photo_door_alone():
    taken = {name for file in (ROOT / "training").rglob("*.py") for name in imports(file)}
    ours = parts_of(taken, "app")
    assert ours == parts_of(taken, "app.captioning", "app.photos")
    assert not importers("training", *WEB)
    assert not parts_of(loaded_by(["training.data.photos"]), *WEB)


def test_opencv_stays_out_of_the_service():
    """It costs 31 MB of memory, and Pillow reads JPEG as well."""
    assert not importers("app", "cv2")


def test_what_trains_loads_no_tensorflow():
    """Machines with a GPU may have another backend of Keras."""
    trains = ["training.run", *modules_of("training/recipes", "training.recipes")]
    trains += modules_of("training/decoders", "training.decoders")
    assert not parts_of(loaded_by(trains, KERAS_BACKEND="jax"), "tensorflow")


ROOMS = (
    *("training.saving", "training.quiet", "training.plots", "training.recipes"),
    *("training.encoders", "training.data", "training.decoders", "training.evaluation"),
    *("training.train", "training.export", "training.inputs", "training.run"),
    *("training.zoo", "training.__main__"),
)


def test_the_rooms_of_training_need_each_other_in_one_direction():
    """Each needs only those before it."""
    for at, room in enumerate(ROOMS):
        later = tuple(f"{one}." for one in ROOMS[at + 1 :])
        for module in modules_of("training"):
            if f"{module}.".startswith(f"{room}."):
                needed = {f"{name}." for name in imports(file_of(module))}
                assert not {name for name in needed if name.startswith(later)}, module


def test_the_server_loads_little():
    absent = ("tensorflow", "keras", "cv2", "training", "PIL.ImageCms")
    assert not parts_of(loaded_by(["wsgi"]), *absent)


def test_the_modules_of_the_web_need_each_other_in_one_direction():
    """Also where only a type is needed: a circle of types is a circle for whoever reads."""
    needs = {
        name: {one for one in imports(file_of(name)) if one.startswith("app.web.")}
        for name in modules_of("app/web", "app.web")
    }
    while free := {name for name, needed in needs.items() if not needed & needs.keys()}:
        needs = {name: needed for name, needed in needs.items() if name not in free}
    assert not needs
