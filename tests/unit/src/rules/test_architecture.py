from strata.rules import architecture

from ..sample import Checkout

PAGE = """\
Words.

<!-- Draws the imports of module_utils/strata. -->
```text
  gone -> files
```

More words.

```text
  not -> ours
```
"""


def test_imports_are_drawn_where_the_page_says(checkout: Checkout) -> None:
    checkout.write("module_utils/strata/web/run.py", "from ansible.module_utils.strata import files\n")
    checkout.write("module_utils/strata/__init__.py", "")
    checkout.write("module_utils/strata/files.py", "")
    checkout.write(architecture.PAGE, PAGE)
    page = checkout.root / architecture.PAGE
    assert architecture.write(checkout.root) == [page]
    assert page.read_text() == PAGE.replace("  gone -> files\n", "  web -> files\n  files\n")
    assert architecture.write(checkout.root) == []


def test_a_repository_without_the_page_gets_none(checkout: Checkout) -> None:
    assert architecture.write(checkout.root) == []
    assert not (checkout.root / architecture.PAGE).exists()
