"""The imports between the packages of src/strata, and between those of module_utils/strata."""

from strata.paths import ROOT
from strata.repository.checkout import Repository
from strata.rules.imports import drawing, imports_run_downward


def test_no_arrow_runs_upward() -> None:
    assert list(imports_run_downward(Repository(ROOT))) == [], drawing(ROOT)


def test_the_arrows_that_people_read_are_these() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    assert [
        line for line in drawing(ROOT).splitlines() if "__" not in line and "/" not in line and line not in page
    ] == []
