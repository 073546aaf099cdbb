"""What the control side packed, as this host reads it."""

from pathlib import Path

import pytest
from ansible.module_utils.strata.errors import DeclarationError

from .sample import call, manifest


def test_an_owner_may_be_missing_only_in_check_mode(tmp_path: Path) -> None:
    text = manifest(tmp_path, owner="nobody-here")
    assert call(text, None, check=True, with_diff=False)["changed"]
    with pytest.raises(DeclarationError, match="of here: there is no user nobody-here on this host"):
        call(text, None, check=False, with_diff=False)
