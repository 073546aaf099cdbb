"""What compiles the catalogs of another tree, in a process of its own: it may be confined, as its plugins are code.

What to do is JSON on its standard input. On its standard output come the names of the hosts that the inventory has, and
then their catalogs, as in files.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

from strata import paths
from strata.errors import StrataError

#: Bytes that a process may have in memory, and write.
MOST = 4 << 30


def main() -> None:
    """Compile, and write the catalogs."""
    job = json.load(sys.stdin)
    for limit in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE) if job["confined"] else ():
        resource.setrlimit(limit, (MOST, MOST))
    # What plugins print is not taken for catalogs.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as answer:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        try:
            _compile(job, answer)
        except StrataError as error:
            sys.exit(str(error))


def _compile(job: dict[str, Any], answer: Any) -> None:
    paths.ROOT = Path(job["tree"])
    if job["confined"]:
        paths.STATE = paths.ROOT / ".strata"
    from strata.catalog.compile import Compiler  # noqa: PLC0415 - it reads where the tree is

    compiler = Compiler(
        Path(job["inventory"]),
        tree=paths.ROOT,
        given=job["given"],
        facts=[Path(folder) for folder in job["facts"]],
        revision=job["revision"],
        confined=job["confined"],
    )
    key = bytes.fromhex(job["key"])
    asked = job["hosts"] or compiler.hosts
    there = [host for host in asked if host in compiler.hosts]
    answer.write(json.dumps({"hosts": there}, indent=1) + "\n")
    for catalog in compiler.compiled(there):
        answer.write(catalog.to_json(key))


if __name__ == "__main__":
    main()
