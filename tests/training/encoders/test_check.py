import sys

import numpy as np

from training.encoders import ENCODERS, build, check, efficientnet_lite

TINY = efficientnet_lite.encoder("tiny", 0.25, 0.3, 32, "", "", "")


def test_it_shows_that_an_encoder_learns_converts_and_is_served(monkeypatch, capsys):
    monkeypatch.setitem(ENCODERS, "tiny", TINY)
    monkeypatch.setattr(sys, "argv", ["check", "tiny"])
    check.main()
    lines = capsys.readouterr().out.splitlines()  # The converter writes there too.
    names, _, values = (line.split(" | ") for line in lines if line.startswith("|"))
    row = dict(zip(names, values, strict=True))
    assert (row["| encoder"], row["pooled"], row["map"]) == ("| tiny", "1280", "1×1×48")
    assert float(row["cosine"]) > 0.98
    before, after = map(float, row["loss"].split("→"))
    assert after < before


def test_the_step_goes_through_all_of_the_encoder():
    model = build(TINY, None, 32)
    check.spread(model)
    kernels = [layer.get_weights()[0] for layer in model.layers if layer.weights]
    check.learn(model, check.photos(1, 32, seed=0))
    moved = [layer.get_weights()[0] for layer in model.layers if layer.weights]
    assert all(np.any(before != after) for before, after in zip(kernels, moved, strict=True))
