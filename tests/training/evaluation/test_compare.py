from tests.training.conftest import Pipeline
from training.evaluation.compare import compare


def test_the_page_has_what_each_model_says_beside_what_a_person_said(pipeline: Pipeline):
    page = compare([pipeline.checkpoint, pipeline.checkpoint], pipeline.dataset, photos=3)
    rows = [line for line in page.splitlines() if ".jpg" in line]
    assert len(rows) == 6
    assert page.index("## English") < page.index("## Chinese")
    english = rows[0].strip("| ").split(" | ")
    assert english[1].startswith("A ")
    assert english[2] == english[3]
