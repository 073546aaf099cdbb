"""Languages and time zone, as programs of the host have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from plays import Run
    from testinfra.host import Host

    Converge = Callable[..., Run]


def state(host: Host) -> str:
    return host.check_output("date -d @0 +%R%z; cat /etc/timezone /etc/default/locale /etc/locale.gen; locale -a")


def test_programs_have_the_time_zone(host: Host) -> None:
    assert host.check_output("date -d @0 +%R%z") == "05:30+0530"
    assert host.check_output("timedatectl show --property=Timezone --value") == "Asia/Kathmandu"


def test_sessions_have_the_locale(host: Host) -> None:
    assert host.check_output("su -l -s /bin/sh games -c 'echo $LANG; locale charmap'").split() == [
        "en_GB.UTF-8",
        "UTF-8",
    ]
    assert host.check_output("env LC_ALL=en_GB.UTF-8 date -d @0 +%A") == "Thursday"


@pytest.mark.spread
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"localization_lang": "xx_XX.UTF-8"}, "no such locale: xx_XX.UTF-8 UTF-8"),
        (
            {"localization_timezone": "Mars/Base"},
            "/etc/localtime: there is no /usr/share/zoneinfo/Mars/Base on this host",
        ),
    ],
)
def test_what_debian_does_not_have_is_refused(
    host: Host, converge: Converge, settings: dict[str, Any], said: str
) -> None:
    before = state(host)
    done = converge(**settings)
    assert done.rc == 2
    assert said in done.said
    assert state(host) == before
    assert converge().changed == 0


def test_another_language_and_zone(host: Host, converge: Converge) -> None:
    done = converge(localization_locales=["de_DE.UTF-8", "de_DE ISO-8859-1"], localization_timezone="Europe/Berlin")
    assert (done.rc, done.changed) == (0, 1), done.output
    assert host.check_output("env LC_ALL=de_DE.UTF-8 date -d @0 +%A%R") == "Donnerstag01:00"
    assert {"de_DE.iso88591", "de_DE.utf8", "en_GB.utf8"} <= set(host.check_output("locale -a").split())
