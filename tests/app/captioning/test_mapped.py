"""Files that are mapped and no longer needed, in the service and by themselves."""

from __future__ import annotations

import mmap
import re
import subprocess
import sys
from pathlib import Path

from app.captioning.engines.mapped import let_go
from app.config import ROOT

SIZE = 8 * 1024 * 1024


def resident(path: Path) -> int:
    """Bytes that this process holds of a file that it maps."""
    text = Path("/proc/self/smaps").read_text()
    held = re.findall(rf"{re.escape(str(path))}\n(?:.*\n)*?Rss: +(\d+) kB", text)
    return 1024 * sum(map(int, held))


def test_a_file_that_is_only_read_is_let_go_and_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"w" * SIZE)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert mapped[:] == b"w" * SIZE
        assert resident(path) >= SIZE
        let_go(path)
        assert resident(path) == 0
        assert mapped[:] == b"w" * SIZE


def test_what_was_changed_in_memory_stays(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"w" * SIZE)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as mapped:
        mapped[:5] = b"mine!"
        let_go(path)
        assert mapped[:5] == b"mine!"


def test_a_file_that_nobody_maps_is_none_of_its_business(tmp_path: Path) -> None:
    let_go(tmp_path / "nothing")


def test_the_weights_in_the_files_need_no_memory_once_they_were_used() -> None:
    program = (
        "import re, numpy as np\n"
        "from pathlib import Path\n"
        "from app.captioning.captioner import Captioner\n"
        "captioner = Captioner.load(Path('model_assets/kantu-2'), 'litert')\n"
        "for language in captioner.languages:\n"
        "    captioner.caption(np.zeros((50, 50, 3), np.uint8), language)\n"
        "text = Path('/proc/self/smaps').read_text()\n"
        "kept = re.findall(r'\\.tflite\\n(?:.*\\n)*?Rss: +(\\d+) kB', text)\n"
        "print(sum(map(int, kept)))"
    )
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    files = (ROOT / "model_assets" / "kantu-2").glob("*.tflite")
    assert int(ran.stdout) < sum(file.stat().st_size for file in files) / 1024 / 5
