"""Trains an encoder's every layer together with the decoders that will look through it.

    python -m training.end_to_end.pack --dataset data/mixed --encoder efficientnet_lite3 \\
        --weights efficientnet_lite3.tflite --out runs/packed
    python -m training.end_to_end.likelihood --packed runs/packed --encoder efficientnet_lite3 \\
        --recipes soft_attention_tuned_en soft_attention_tuned_zh --out runs/tuned
    python -m training.end_to_end.score --packed runs/packed --encoder efficientnet_lite3 \\
        --recipe soft_attention_tuned_en --out runs/tuned

The photo passes the whole encoder at each step, so this wants a GPU. The two in the middle run on
any backend of Keras (KERAS_BACKEND=jax, say), without TensorFlow and without the dataset: `pack`
writes all that they read. Decoders that were trained by other means, over one tail, begin with
`hand_over` in place of `likelihood`. What comes out goes on like any other training:
`training.data.features` takes encoder.npz as weights, and `training.end_to_end.adopt` makes run
folders of the decoders.
"""
