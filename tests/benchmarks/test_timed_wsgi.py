"""What is timed is still where it is looked for; in a process of its own, for it is replaced."""

import subprocess
import sys

from benchmarks.stages import STAGES

ASK = """
from io import BytesIO
from benchmarks import stages
from benchmarks.timed_wsgi import application
from tests.photos import jpeg
photo = (BytesIO(jpeg("coffee")), "a.jpg")
answer = application.test_client().post("/api/v1/captions", data={"photo": photo})
spent = stages.read(answer.headers, seconds=60)
print(*(stage for stage, took in spent.items() if took > 0))
"""


def test_each_stage_of_a_request_takes_its_time():
    command = [sys.executable, "-c", ASK]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert set(said.split()) == set(STAGES)
