import keras
import numpy as np

from training.train.optimizer import adam


def moved(slowed: bool, rate: float) -> tuple[float, float]:
    """How far a step takes two variables with the same gradient, the first one's rate being set."""
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    first, second = (keras.Variable(np.zeros(3, np.float32)) for _ in range(2))
    optimizer = adam(schedule, 5.0, [first] if slowed else [], rate)
    gradient = keras.ops.convert_to_tensor(np.ones(3, np.float32))
    optimizer.apply([gradient, gradient], [first, second])
    return float(first.numpy()[0]), float(second.numpy()[0])


def test_what_is_slowed_moves_by_its_share_of_the_rate():
    first, second = moved(slowed=True, rate=0.1)
    np.testing.assert_allclose(first, 0.1 * second, rtol=1e-4)
    assert second < 0


def test_what_is_not_slowed_moves_as_before():
    first, second = moved(slowed=False, rate=0.1)
    np.testing.assert_allclose([first, second], -0.1, rtol=1e-3)
