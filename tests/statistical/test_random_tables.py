"""Random tables with extreme texts and numbers are read back as they were exported."""

import pytest

from tests.unit.analysis.io.test_bids import check_random_frame


@pytest.mark.parametrize("seed", range(3, 20))
def test_random_frames_read_back(seed, tmp_path):
    check_random_frame(seed, tmp_path)
