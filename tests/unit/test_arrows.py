"""The imports between the packages of src/strata, and between those of module_utils/strata."""

from strata.paths import ROOT
from strata.repository.checkout import Repository
from strata.rules.imports import drawing, imports_run_downward


def test_no_arrow_runs_upward() -> None:
    assert list(imports_run_downward(Repository(ROOT))) == [], drawing(ROOT)
