import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.training.decoders.small import log_likelihoods, small_decoder
from training.decoders import DECODERS


def test_every_decoder_says_the_same_on_jax(tmp_path: Path):
    weights, out = tmp_path / "weights.npz", tmp_path / "out.npz"
    arrays = {
        f"{name}/{nth}": array
        for name in DECODERS
        for nth, array in enumerate(small_decoder(name).get_weights())
    }
    np.savez(weights, **arrays)
    command = [sys.executable, "-m", "tests.training.decoders.small", weights, out]
    subprocess.run(command, env=os.environ | {"KERAS_BACKEND": "jax"}, check=True)
    theirs = np.load(out)
    assert theirs["backend"] == "jax"
    for name, ours in log_likelihoods(weights).items():
        np.testing.assert_allclose(theirs[name], ours, atol=1e-5, err_msg=name)
