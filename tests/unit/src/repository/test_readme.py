from pathlib import Path
from textwrap import indent

import pytest

from strata.repository import readme
from strata.repository.roles import load_roles

SPECS = """\
argument_specs:
  main:
    short_description: Mail for a host
    description:
      - Sends mail through a <smarthost>, see C(exim4).
      - "When the role is taken away: the queue stays."
    options:
      mail_name:
        description: The name in the greeting.
        type: str
        required: true
      mail_mode:
        description: [How to deliver., "Either C(a|b)."]
        type: str
        choices: [local, smarthost]
      mail_password:
        description: For the smarthost.
        type: str
        no_log: true
      mail_accounts:
        description: Who may send.
        type: list
        elements: dict
        options:
          user:
            description: The name.
            type: str
            required: true
          token:
            description: The secret.
            type: str
            no_log: true
          limits:
            description: How much.
            type: dict
            options:
              size:
                description: In MB.
                type: int
                default: 10
      mail_aliases:
        description: Where mail goes.
        type: dict
      mail__apt_packages:
        description: Contribution to apt, the packages.
        type: list
        elements: str
"""
DEFAULTS = """\
mail_mode: "yes"
mail_password: hunter2
mail_accounts:
  - {user: a, token: hunter3}
mail_aliases:
  # People
  root: "admin@example.org"
  postmaster: "postmaster@example.org"
  abuse: root
mail__apt_packages: [exim4]
"""
EXAMPLE = """\
mail_name: mail.example.org
mail_accounts:
  - {user: a, limits: {size: 20}}
"""
README = """\
<!-- Generated from the files in meta and from defaults/main.yml: edit those. -->

# mail

Mail for a host

Version 1.2.0

Sends mail through a \\<smarthost>, see `exim4`.

## Parameters

| Parameter | Type | Default | Description |
|---|---|---|---|
| `mail_name` | str | *required* | The name in the greeting. |
| `mail_mode` | str | `'yes'` | How to deliver. Either `a\\|b`. One of `local` and `smarthost`. |
| `mail_password` | str | *not shown* | For the smarthost. |
| `mail_accounts` | list of dict | *not shown* | Who may send. |
| `mail_aliases` | dict | *below* | Where mail goes. |

### Items of `mail_accounts`

| Key | Type | Default | Description |
|---|---|---|---|
| `user` | str | *required* | The name. |
| `token` | str |  | The secret. |
| `limits` | dict |  | How much. |

### Keys of `mail_accounts.limits`

| Key | Type | Default | Description |
|---|---|---|---|
| `size` | int | `10` | In MB. |

Default of `mail_aliases`:

```yaml
mail_aliases:
  # People
  root: "admin@example.org"
  postmaster: "postmaster@example.org"
  abuse: root
```

## Contributions

Other roles add to `mail_accounts`, each by a list `<role>__<parameter>` in its defaults.

| Contribution | Type | Default | Description |
|---|---|---|---|
| `mail__apt_packages` | list of str | `[exim4]` | Contribution to apt, the packages. |

## Depends on

- [apt](../apt/README.md) >=1,<2
- `acme`

## When the role is taken away

The queue stays.

## Example

In the inventory:

```yaml
mail_name: mail.example.org
mail_accounts:
  - {user: a, limits: {size: 20}}
```

In the playbook:

```yaml
- name: Servers
  hosts: servers
  pre_tasks:
    - name: Preflight
      preflight:
      tags: always
  roles:
    - mail
```
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a repository with the roles mail and apt."""
    files = {
        "roles/mail/meta/main.yml": "dependencies: [apt, acme]\n",
        "roles/mail/meta/strata.yml": f"version: 1.2.0\nrequires: {{apt: '>=1,<2'}}\nexample:\n{indent(EXAMPLE, '  ')}",
        "roles/mail/meta/argument_specs.yml": SPECS,
        "roles/mail/defaults/main.yml": DEFAULTS,
        "roles/mail/tasks/main.yml": "- acme: \"{{ lookup('contributions', 'mail_accounts') }}\"\n",
        "roles/apt/meta/main.yml": "",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def test_readme_says_all_about_a_role(root: Path) -> None:
    assert readme.render(load_roles(root)["mail"]) == README


def test_readme_shows_no_secret(root: Path) -> None:
    assert "hunter" not in readme.render(load_roles(root)["mail"])


def test_write_rewrites_what_is_stale(root: Path) -> None:
    pages = [root / "roles/apt/README.md", root / "roles/mail/README.md", root / "docs/contributions.md"]
    assert readme.write(root) == pages
    assert readme.write(root) == []
    pages[1].write_text("Edited by hand.\n")
    assert readme.write(root) == [pages[1]]


def test_contributions_are_listed_by_their_collectors(root: Path) -> None:
    (root / "roles/shop/defaults").mkdir(parents=True)
    (root / "roles/shop/defaults/main.yml").write_text("shop__mail_accounts: []\n")
    rows = [line for line in readme.overview(load_roles(root)).splitlines() if line.startswith(("## ", "| `"))]
    assert rows == ["## [mail](../roles/mail/README.md)", rows[1]]
    assert rows[1].startswith("| `mail_accounts` | list of dict | `shop` | ")


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("C(a), V(b) and RV(c).", "`a`, `b` and `c`."),
        ("As C((uid=${user})) (or not)", "As `(uid=${user})` (or not)"),
        (
            'As C({match: "a ([0-9]+)", links: [f(g(1)), {b: c}]}), say',
            'As `{match: "a ([0-9]+)", links: [f(g(1)), {b: c}]}`, say',
        ),
        ("C(a (b), C(c)", "`a (b`, `c`"),
        ("C()", "``"),
        ("NOC(a)", "NOC(a)"),
    ],
)
def test_brackets_inside_of_code_are_kept(text: str, prose: str) -> None:
    assert readme._prose(text) == prose


def test_role_without_an_example_shows_the_play(root: Path) -> None:
    (root / "roles/mail/meta/strata.yml").write_text("version: 1.2.0\n")
    section = readme.render(load_roles(root)["mail"]).partition("## Example\n\n")[2]
    assert section == f"{readme.example('mail')}\n"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("yes", "`'yes'`"),
        ("0644", "`'0644'`"),
        ("", "`''`"),
        (True, "`true`"),
        ([], "`[]`"),
        ({"a": [1, "b: c"]}, "`a: [1, 'b: c']`"),
        ("a\nb", r'`"a\nb"`'),
        ("a`b", "``a`b``"),
    ],
)
def test_values_are_yaml_as_ansible_reads_it(value: object, code: str) -> None:
    assert readme._code(value) == code
