"""Visitors who send photos without a pause, until the file of the second argument is there.

    python3 load.py ADDRESS STOP-FILE

Prints how many answers of each status came. For Debian's bare Python.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

VISITORS = 2
TOKEN = "open-sesame"
BODY = b"--b\r\nContent-Disposition: form-data; name=photo; filename=a.jpg\r\n\r\n%s\r\n--b--\r\n"


def visit(address: str, stop: Path, body: bytes, answers: Counter[str]) -> None:
    head = {"Content-Type": "multipart/form-data; boundary=b", "Authorization": f"Bearer {TOKEN}"}
    request = urllib.request.Request(address + "/api/v1/captions", body, head)
    while not stop.exists():
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                answers[str(answer.status)] += 1
        except urllib.error.HTTPError as error:
            answers[str(error.code)] += 1
        except OSError as error:
            answers[repr(error)] += 1
        time.sleep(0.1)


def main() -> None:
    address, stop = sys.argv[1], Path(sys.argv[2])
    body = BODY % Path("/root/photo.jpg").read_bytes()
    answers: Counter[str] = Counter()
    visitors = [
        threading.Thread(target=visit, args=(address, stop, body, answers)) for _ in range(VISITORS)
    ]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
