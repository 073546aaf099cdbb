"""The command line with parts and benchmarks that sleep, and sandboxes that only note that they are removed."""

import sys
import time
from contextlib import nullcontext
from pathlib import Path

from strata import cli, processes
from strata.affected.catalogs import Compared
from strata.affected.change import Change
from strata.bench import run as measuring
from strata.bench.declared import Benchmark, Side
from strata.gate import run as gating
from strata.gate import trees
from strata.gate.plan import Check, Plan, What
from strata.gate.trees import Tree, Trees
from strata.suite import beside, cases, parts, run
from strata.suite.parts import Part
from strata.verbs import bench, gate, test

folder = Path(sys.argv.pop(1))


class Sandbox:
    def __init__(self, name, hosts=()):
        self.name, self.hosts, self.folder = name, hosts, folder

    def up(self):
        pass

    def down(self):
        (folder / f"removed-{self.name}").touch()


def quick(report, _log):
    cases.write(report, "quick", {"a": ""})
    return 0


def program(script):
    return lambda _report, log: parts._logged(["sh", "-c", script.replace("FOLDER", str(folder))], log, {})


def hang(_report, _log):
    processes.LIMIT = 3
    (folder / "pids-hang").write_text("\n")
    time.sleep(30)


slow = "echo $$ >FOLDER/pids-slow; sleep 60; echo went on >FOLDER/wrong"
stubborn = "trap '' TERM INT; sleep 61 & echo $$ $! >FOLDER/pids-stubborn; while :; do sleep 0.1; done"
apart = "setsid sh -c 'trap : TERM; echo $$ >FOLDER/pids-apart; while :; do sleep 0.1; done'; sleep 62"
beside.Sandbox = measuring.Sandbox = Sandbox
run.REPORTS = parts.REPORTS = measuring.STATE = folder
test.require = bench.require = lambda: None
test.all_parts = lambda: [
    Part("quick", quick, ("quick",)),
    Part("slow", program(slow), ("slow", "slow-too")),
    Part("stubborn", program(stubborn), ("stubborn",)),
    Part("apart", program(apart), ("apart",)),
    Part("waiting", program("echo $$ >FOLDER/wrong"), ("waiting",)),
    Part("hang", hang),
]
bench.declared.load = lambda name: Benchmark(
    name, "", (Side("stock", command=("sh", "-c", slow.replace("FOLDER", str(folder)))),)
)
measuring._Bench._write_inventory = lambda _: None
measuring._Bench._ssh_options = lambda _: []

change = Change("0" * 40, (), frozenset(), folder, folder)
names = {"slow": slow, "stubborn": stubborn, "apart": apart, "waiting": "echo $$ >FOLDER/wrong"}
gate.FOLDER = folder / "gate"
gate.changed = lambda *_: nullcontext(change)
gate.narrowed = lambda *_: (None, Compared())
gate.Tree = gate.Places = gate.follow = lambda *_: None
gate.checks = gate.former_paths = lambda *_: ()
gate.plan = lambda *_, **__: Plan([Check(What.SCENARIO, name, (), name) for name in names], [])
gate.require = lambda: None
gate.trees = lambda path, _: nullcontext(Trees(path, Tree(folder), change))
trees.STATE = folder
gating.carry_out = lambda check, _trees, session: session.run(
    Tree(folder), "sh", "-c", names[check.name].replace("FOLDER", str(folder))
)
cli.main()
