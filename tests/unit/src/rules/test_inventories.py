"""A seeded broken inventory: each mistake is named with file and line, and deliberate ones have their place."""

import pytest

from strata.rules import settings
from strata.rules.inventories import inventories_hold_together, inventory_files_are_readable

from ..sample import Checkout

INVENTORY = "inventories/sandbox"
GROUP = f"{INVENTORY}/group_vars/static.yml"
HOST = f"{INVENTORY}/host_vars/static1.example.org.yml"
EXCEPTIONS = "inventories/exceptions.yml"


PATTERNS = """\
plugin: ansible.builtin.constructed
groups:
  web: inventory_hostname is match('static')
  db: inventory_hostname is match('db')
"""
VARS = "roles/project_static/vars/main.yml"
SECRETS = """\
      apt_password: {type: str, no_log: true}
      apt_users: {type: list, elements: dict, options: {name: {type: str}, password: {type: str, no_log: true}}}
"""
UNKNOWN = "is not a parameter of any role, and nothing reads it"


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        (GROUP, "# first\nhtpd_wanted: []\n", f"2: htpd_wanted {UNKNOWN}: did you mean 'httpd_wanted'?"),
        (GROUP, "nothing_like: 1\n", f"1: nothing_like {UNKNOWN}"),
        (HOST, "x: 1\n", f"1: x {UNKNOWN}"),
        (HOST, "ansible_usr: root\n", f"1: ansible_usr {UNKNOWN}: did you mean 'ansible_user'?"),
        (
            GROUP,
            "mail_names: []\n",
            "1: mail_names is a parameter of the role mail, which no host of the group static runs",
        ),
        (
            HOST,
            "mail_names: []\n",
            "1: mail_names is a parameter of the role mail, which static1.example.org does not run",
        ),
        (
            f"{INVENTORY}/group_vars/all/sites.yml",
            "ci_static_sites: []\n",
            f"1: ci_static_sites can't win: {VARS}:1 sets it, and vars of a role come after all inventories",
        ),
        (
            f"{INVENTORY}/host_vars/static2.example.org.yml",
            "apt_wanted: []\n",
            f"1: there is no host static2.example.org in {INVENTORY}: did you mean 'static1.example.org'?",
        ),
        (
            f"{INVENTORY}/group_vars/statik/more.yml",
            "apt_wanted: []\n",
            f"1: there is no group statik in {INVENTORY}: did you mean 'static'?",
        ),
        (
            f"{INVENTORY}/more.yml",
            "static:\n  children:\n    deep:\n      hosts: {}\n",
            f"3: the group deep has no host of {INVENTORY}",
        ),
        (
            f"{INVENTORY}/hosts.yml",
            "all: {children: {static: {hosts: {static1.example.org: {ansible_usr: root}}}}}\n",
            f"1: ansible_usr {UNKNOWN}: did you mean 'ansible_user'?",
        ),
        (f"{INVENTORY}/patterns.yml", PATTERNS, f"4: the pattern of the group db matches no host of {INVENTORY}"),
    ],
)
def test_what_is_for_nobody_or_read_by_nobody(checkout: Checkout, path: str, text: str, message: str) -> None:
    checkout.role("mail", ["apt"], ["mail_names"])
    checkout.write(path, text)
    assert checkout.broken(inventories_hold_together) == [f"{path}:{message}"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (GROUP, "apt_wanted: [a]\nhttpd_wanted: [b]\nansible_user: root\nansible_become: true\n"),
        (HOST, 'httpd__apt_wanted: ["{{ mirror }}"]\nmirror: name\n'),
        (
            f"{INVENTORY}/hosts.yml",
            "all: {vars: {_all: 1}, children: {static: {hosts: {static1.example.org: {of_host: 1}}}}}\n",
        ),
        (f"{INVENTORY}/group_vars/all.yml", "tree: /srv\nread_by_a_template: 1\n"),
    ],
)
def test_what_somebody_reads(checkout: Checkout, path: str, text: str) -> None:
    tasks = "- name: A\n  acme:\n    path: '{{ tree }}'\n    all: '{{ _all + of_host }}'\n"
    checkout.write("roles/apt/tasks/more.yml", tasks)
    checkout.write("roles/httpd/templates/site.j2", "{{ read_by_a_template }}")
    checkout.write(path, text)
    assert checkout.broken(inventories_hold_together) == []


def test_a_parameter_that_a_plugin_reads_of_other_hosts_is_for_them_too(checkout: Checkout) -> None:
    checkout.role("mail", ["apt"], ["mail_names"])
    checkout.write("lookup_plugins/names.py", 'def names(hosts):\n    return [host["mail_names"] for host in hosts]\n')
    checkout.write(HOST, "mail_names: []\n")
    assert checkout.broken(inventories_hold_together) == []


def test_a_deliberate_exception_has_a_reason(checkout: Checkout) -> None:
    checkout.write(GROUP, "other_one: 1\nother_two: 2\n")
    checkout.write(EXCEPTIONS, "other_*: other programs read them\n")
    assert checkout.broken(inventories_hold_together) == []
    checkout.write(EXCEPTIONS, "other_*:\n")
    assert checkout.broken(inventories_hold_together) == [f"{EXCEPTIONS}:1: other_* needs a reason: why is it right?"]


def test_an_exception_that_nothing_needs_goes(checkout: Checkout) -> None:
    checkout.write(EXCEPTIONS, "# none\nother_*: other programs read them\n")
    message = f"{EXCEPTIONS}:2: other_* excepts nothing any more: remove it"
    assert checkout.broken(inventories_hold_together) == [message]


def test_a_key_stands_once(checkout: Checkout) -> None:
    checkout.write(GROUP, "apt_wanted: [a]\nhttpd_wanted: []\napt_wanted: [b]\n")
    [message] = checkout.broken(inventory_files_are_readable)
    assert message.startswith(f'{GROUP}:3: is not valid YAML: found duplicate key "apt_wanted"')


def test_no_file_is_encrypted_as_a_whole(checkout: Checkout) -> None:
    checkout.write(GROUP, "$ANSIBLE_VAULT;1.2;AES256;production\n3139\n")
    [message] = checkout.broken(inventory_files_are_readable)
    assert message.startswith(f"{GROUP}:1: is encrypted as a whole")
    assert checkout.broken(inventories_hold_together) == []
    checkout.write(GROUP, "apt_wanted: !vault |\n  $ANSIBLE_VAULT;1.2;AES256;production\n  3139\n")
    assert checkout.broken(inventory_files_are_readable) == []
    assert checkout.broken(inventories_hold_together) == []


@pytest.mark.parametrize(
    ("value", "is_plain"),
    [
        ("a plain text", True),
        ('""', False),
        ('"{{ secret_of_others }}"', False),
        ("!vault |\n  $ANSIBLE_VAULT;1.2;AES256;production\n  3139", False),
    ],
)
def test_no_secret_is_in_plain_text(checkout: Checkout, value: str, is_plain: bool) -> None:
    checkout.append("roles/apt/meta/argument_specs.yml", SECRETS)
    checkout.write(GROUP, f"apt_password: {value}\n")
    message = f"{GROUP}:1: apt_password is a secret in plain text: encrypt it by `ansible-vault encrypt_string`, or set"
    assert [each.startswith(message) for each in checkout.broken(inventories_hold_together)] == [True] * is_plain
    checkout.write(GROUP, f"apt_users:\n  - name: me\n    password: {value.replace('  ', '      ')}\n")
    assert ["apt_users is a secret" in each for each in checkout.broken(inventories_hold_together)] == [True] * is_plain


def test_files_of_a_private_tree_are_looked_at_too(
    checkout: Checkout, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path_factory.mktemp("private") / "sandbox"
    monkeypatch.setattr(settings, "private_folder", lambda path: private if path.name == "sandbox" else None)
    (private / "host_vars").mkdir(parents=True)
    checkout.append("roles/apt/meta/argument_specs.yml", SECRETS)
    (private / "host_vars/static1.example.org.yml").write_text("apt_password: a plain text\nhtpd_wanted: []\n")
    (private / "host_vars/static2.example.org.yml").write_text("$ANSIBLE_VAULT;1.2;AES256;production\n3139\n")
    (private / "host_vars/static3.example.org.yml").write_text("apt_password: a plain text\n")
    hint = "did you mean 'static1.example.org'?"
    assert checkout.broken(inventories_hold_together) == [
        f"sandbox/host_vars/static1.example.org.yml:2: htpd_wanted {UNKNOWN}: did you mean 'httpd_wanted'?",
        f"sandbox/host_vars/static3.example.org.yml:1: there is no host static3.example.org in {INVENTORY}: {hint}",
    ]
