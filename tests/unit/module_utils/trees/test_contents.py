"""Contents that were sent ahead."""

import os
import time
from pathlib import Path

import pytest
from ansible.module_utils.strata.trees import contents

from .sample import call, listing, manifest, pack


def test_what_was_uploaded_arrives_and_goes_away(tmp_path: Path, state: Path) -> None:
    upload = Path(contents.upload())
    upload.write_bytes(pack("A"))
    assert call(manifest(tmp_path), None, check=False, with_diff=False, uploaded=str(upload))["changed"]
    assert listing(tmp_path) == {"f\udcff": "A"}
    assert list(state.parent.iterdir()) == []


@pytest.mark.parametrize("check", [True, False])
def test_only_an_upload_of_a_killed_run_goes_away(tmp_path: Path, check: bool) -> None:
    uploads = {age: Path(contents.upload()) for age in (0, contents.STALE + 60)}
    for age, upload in uploads.items():
        upload.write_text("half an arch")
        os.utime(upload, (time.time() - age,) * 2)
    call(manifest(tmp_path), None, check=check, with_diff=False)
    assert [upload.exists() for upload in uploads.values()] == [True, check]


def test_a_folder_where_uploads_are_is_no_obstacle(tmp_path: Path) -> None:
    upload = Path(contents.upload())
    (upload / "deep").mkdir(parents=True)
    os.utime(upload, (0, 0))
    call(manifest(tmp_path), None, check=False, with_diff=False)
    assert not upload.exists()
