from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from training import plots

LOG = [
    {"epoch": 1, "train/loss": 4.0, "dev/perplexity": 40.0,
     "dev/BLEU-4": 10.0, "dev/CIDEr": 20.0},
    {"epoch": 2, "train/loss": 3.0, "dev/perplexity": 18.0,
     "dev/BLEU-4": 21.0, "dev/CIDEr": 47.0},
    {"epoch": 3, "train/reward": 60.0, "dev/perplexity": 18.5, "dev/BLEU-4": 20.0,
     "dev/CIDEr": 46.0},
]  # fmt: skip


def model(name: str, language: str, **scores: float) -> dict[str, Any]:
    return {"name": name, "language": language, "encoder": "lite3", "scores": scores}


ZOO = {
    "rows": [
        model("worse", "en", **{"BLEU-4": 18.0, "CIDEr": 40.0}),
        model("better", "en", **{"BLEU-4": 20.0, "CIDEr": 48.0}),
        model("unscored", "en"),
        model("chinese", "zh", **{"CIDEr": 84.0}),
    ],
    "papers": [
        {"name": "a paper", "language": "en", "data": "COCO", "scores": {"CIDEr": 94.0}},
        {"name": "of no use", "language": "de", "scores": {"CIDEr": 1.0}},
    ],
}


def panels(figure: Figure) -> dict[str, Axes]:
    return {axes.get_title(loc="left"): axes for axes in figure.axes}


def curve(axes: Axes, label: str) -> list[list[float]]:
    (line,) = [line for line in axes.get_lines() if line.get_label() == label]
    return np.asarray(line.get_xydata()).tolist()


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def bars(axes: Axes) -> list[float]:
    return [patch.get_width() for patch in axes.patches]


def markers(axes: Axes) -> list[float]:
    return [value for line in axes.get_lines() for value in line.get_xdata()]


def test_each_panel_has_the_figures_of_the_log():
    drawn = panels(plots.draw_curves(LOG, "en"))
    assert list(drawn) == ["Loss", "Perplexity", "BLEU-4", "CIDEr"]
    assert curve(drawn["Loss"], "train") == [[1, 4.0], [2, 3.0]]
    assert curve(drawn["Perplexity"], "dev") == [[1, 40.0], [2, 18.0], [3, 18.5]]
    assert curve(drawn["CIDEr"], "train (reward)") == [[3, 60.0]]


def test_the_best_dev_value_is_written_beside_it():
    drawn = panels(plots.draw_curves(LOG, "en"))
    assert texts(drawn["Perplexity"]) == ["18.0"]
    assert texts(drawn["CIDEr"]) == ["47.0"]


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_curves_can_be_drawn_from_the_first_epoch_on(tmp_path: Path, epochs: int):
    path = tmp_path / "curves.png"
    plots.draw_curves(LOG[:epochs], "en").savefig(path)
    with Image.open(path) as picture:
        assert picture.size == (9 * plots.DOTS_PER_INCH, 6 * plots.DOTS_PER_INCH)


def test_the_zoo_has_a_bar_for_each_score_and_a_marker_for_each_published_one():
    en_cider, en_bleu, zh_cider, zh_bleu = plots.draw_zoo(ZOO).axes
    assert bars(en_cider) == [48.0, 40.0]
    assert bars(en_bleu) == [20.0, 18.0]
    assert bars(zh_cider) == [84.0]
    assert bars(zh_bleu) == []
    assert markers(en_cider) == [94.0]
    assert markers(en_bleu) == markers(zh_cider) == []


def test_rows_of_the_zoo_are_named_the_best_first_then_papers():
    en_cider, _, zh_cider, _ = plots.draw_zoo(ZOO).axes
    names = {entry["name"] for part in ZOO.values() for entry in part}
    assert [text for text in texts(en_cider) if text in names] == [
        "better", "worse", "unscored", "a paper",
    ]  # fmt: skip
    assert "lite3" in texts(zh_cider)
    assert [axes.get_title(loc="left") for axes in (en_cider, zh_cider)] == ["en", "zh"]


def test_all_languages_share_a_scale_with_room_for_the_highest_value():
    en_cider, _, zh_cider, _ = plots.draw_zoo(ZOO).axes
    assert en_cider.get_xlim() == zh_cider.get_xlim() == (0, pytest.approx(1.15 * 94))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "No such file"),
        ("{", "is no model zoo"),
        ("[]", "is no model zoo"),
        ('{"rows": [], "papers": []}', "a model zoo has rows"),
        ('{"rows": [{"name": "one"}], "papers": []}', "each with name, language and scores"),
    ],
)
def test_what_is_no_zoo_is_refused_in_a_sentence(
    tmp_path: Path, content: str | None, sentence: str
):
    if content is not None:
        (tmp_path / "zoo.json").write_text(content)
    with pytest.raises((OSError, ValueError), match=sentence):
        plots.read_zoo(tmp_path / "zoo.json")
