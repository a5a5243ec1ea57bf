"""The baselines of the microcosm are trained by their script and loaded like any classifier of transformers."""

from observers.microcosm.training import cnn


def test_images_are_shifted_and_mirrored_differently_in_every_epoch(images):
    shifted = cnn.ShiftedImages(images, 3)
    image, label = shifted[5]
    assert (image.shape, image.dtype, label) == ((3, 64, 64), image.float().dtype, 5)
    assert -1 <= float(image.min()) < float(image.max()) <= 1
    assert (image == shifted[5][0]).all()
    shifted.epoch = 1
    assert (image != shifted[5][0]).any()
