import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCIPY = (
    "scipy.stats.tests.test_entropy::TestEntropy",
    "scipy.spatial.tests.test_distance::test_jensenshannon",
    "scipy.special.tests.test_basic::test_xlogy",
    "scipy.special.tests.test_basic::test_xlog1py",
    "scipy.special.tests.test_basic::test_entr",
    "scipy.special.tests.test_basic::test_kl_div",
    "scipy.special.tests.test_basic::test_rel_entr",
    "scipy.special.tests.test_basic::test_rel_entr_gh_20710_near_zero",
    "scipy.special.tests.test_basic::test_rel_entr_gh_20710_overflow",
    "scipy.special.tests.test_logsumexp",
)

if __name__ == "__main__":
    os.environ["SCIPY_ARRAY_API"] = "1"  # every library, where a test has a choice
    config = ["-c", str(HERE / "pytest.ini"), "--rootdir", str(HERE)]
    samples = str(HERE / "torch_samples.py")
    sys.exit(pytest.main([*config, *sys.argv[1:], "--pyargs", *SCIPY, samples]))
