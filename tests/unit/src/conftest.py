from pathlib import Path

import pytest

from .sample import Checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Return a repository that keeps every rule."""
    return Checkout(tmp_path)
