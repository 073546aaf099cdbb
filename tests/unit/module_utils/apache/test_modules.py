"""Which of Apache's modules are wanted and by whom, what they need, and which ones go."""

import pytest
from ansible.module_utils.strata.apache import modules
from ansible.module_utils.strata.apache.modules import Module
from ansible.module_utils.strata.apache.vhosts import Site

KNOWN = {
    "a": Module(("b",)),
    "b": Module(("c", "a")),
    "c": Module(),
    "mpm_event": Module(conflicts=("mpm_prefork",)),
    "mpm_prefork": Module(conflicts=("mpm_event",)),
    "status": Module(),
    "extra": Module(("status",)),
    "x": Module(conflicts=("y",)),
    "y": Module(),
}


def off(wanted=(), enabled=(), disabled=(), purge=False):
    found = modules.close_over(wanted, KNOWN.get)
    reasons = {name: f"role_{name}__httpd_modules" for name in wanted}
    known = {name: KNOWN.get(name) for name in enabled}
    return modules.off(disabled, enabled if purge else [], reasons, found, known)


def test_items_are_names_or_dictionaries():
    site = Site("docs.example.org", "25-a.conf", (80,), "", "httpd_vhosts", modules=("dir", "ssl"))
    wanted = modules.wanted(
        [
            "ssl",
            {"value": "rewrite", "origin": "httpd_modules"},
            {"name": "wsgi", "package": "mine", "conf": "WSGI\n", "origin": "app__httpd_modules"},
        ],
        [site],
    )
    assert wanted.reasons.items() >= {
        ("ssl", "modules"),
        ("rewrite", "httpd_modules"),
        ("wsgi", "app__httpd_modules"),
        ("dir", "vhost docs.example.org (httpd_vhosts)"),
        ("authz_core", "Strata's own settings"),
    }
    assert wanted.settings == (modules.Settings("wsgi", "WSGI\n", "app__httpd_modules"),)


@pytest.mark.parametrize("name", ["../x", "a b", "", None, 7, ["a"]])
def test_hostile_module_is_refused(name):
    for item in (name, {"name": name}, {"value": name}):
        with pytest.raises(ValueError, match="is not the name of an Apache module"):
            modules.wanted([item], [])


def test_unknown_key_is_refused():
    with pytest.raises(ValueError, match=r"a module has no key 'config' \(known: name, conf, package\)"):
        modules.wanted([{"name": "wsgi", "config": "x"}], [])


def test_module_has_one_conf():
    items = [{"name": "a", "conf": "X", "origin": "one__httpd_modules"}]
    items.append(items[0] | {"origin": "two__httpd_modules"})
    assert len(modules.wanted(items, []).settings) == 1
    items[1]["conf"] = "Y"
    with pytest.raises(ValueError, match=r"module a \(two__httpd_modules\) is another one than that of one__httpd_"):
        modules.wanted(items, [])


def test_load_file_says_what_a_module_needs():
    load = "# Depends: mime socache_shmcb\n# Conflicts: gnutls\nLoadModule ssl_module /usr/lib/mod_ssl.so\n"
    needs = Module(("mime", "socache_shmcb"), ("gnutls",), has_conf=True)
    assert modules.parse_module(load, has_conf=True) == needs
    assert modules.parse_module("LoadModule x x.so\n", has_conf=False) == Module()


def test_dependencies_come_along_even_in_circles():
    found = modules.close_over(["a", "nowhere"], KNOWN.get)
    assert found == {name: KNOWN.get(name) for name in ("a", "b", "c", "nowhere")}
    assert modules.needed_by("c", {"a": "httpd_modules"}, found) == "module b (module a (httpd_modules))"


def test_modules_that_exclude_each_other_are_refused():
    assert off(["mpm_prefork"], ["mpm_prefork", "c"]) == set()
    with pytest.raises(
        ValueError, match="mpm_prefork excludes mpm_event, which is enabled on this host: put mpm_event"
    ):
        off(["mpm_prefork"], ["mpm_event"])
    assert off(["mpm_prefork"], ["mpm_event"], ["mpm_event"]) == {"mpm_event"}
    with pytest.raises(ValueError, match="x excludes y, which is declared too"):
        off(["x", "y"])


def test_disabled_module_goes_if_it_is_there():
    assert off(["c"], ["c", "status"], ["status", "unknown"]) == {"status"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a"], [], ["a"]), r"disabled_modules: a is needed by role_a__httpd_modules"),
        ((["a"], [], ["c"]), r"disabled_modules: c is needed by module b \(module a \(role_a__httpd_modules\)\)"),
        (([], ["extra", "status"], ["status"]), "status is needed by the module extra, which is enabled on this host"),
        (([], [], ["../x"]), "'../x' is not the name of an Apache module"),
    ],
)
def test_needed_module_is_not_disabled(arguments, message):
    with pytest.raises(ValueError, match=message):
        off(*arguments)


def test_purge_keeps_what_is_declared_or_needed():
    assert off(["a"], ["a", "c", "mpm_event", "status", "extra"], purge=True) == {"status", "extra"}
    assert off([], ["status", "extra"], ["status"], purge=True) == {"status", "extra"}
    assert off(["mpm_prefork"], ["mpm_event", "c"], purge=True) == {"mpm_event", "c"}
