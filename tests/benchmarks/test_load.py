import pytest

from benchmarks.load import percentile, report


@pytest.mark.parametrize(("percent", "expected"), [(50, 2), (95, 4), (99, 4), (25, 1)])
def test_a_percentile_is_one_of_the_values(percent, expected):
    assert percentile([1, 2, 3, 4], percent) == expected


def test_a_row_counts_every_answer():
    row = {
        "clients": 64,
        "photos_a_second": 27.34,
        "milliseconds": {"p50": 611, "p95": 688, "p99": 696},
        "statuses": {200: 180, 503: 94},
    }
    assert "| 64 | 27.3 | 611 | 688 | 696 | 180 × 200, 94 × 503 |" in report([row])
