#!/bin/sh
# ansible-core 2.21.5: a filter of one's own is imported again by each task of each host that uses it, in the same run.
#
# A good guess: a plugin is a Python module, so a run imports its file once. But a task is run by a process that is forked for
# it, and templates look their filters up there, after the fork; what that process has imported ends with it. So what a filter
# does when it is imported is done as often as tasks use it, and a table that it builds or a file that it reads there is no
# cache. A loop in one task is one process, and imports it once.
#
# Seen: 2 hosts, 3 tasks, one of them a loop of 5 items: 6 imports.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 12))' || {
  echo "ansible-core 2.21 needs Python 3.12 or newer: PYTHON=/path/to/python $0" >&2
  exit 2
}
"$python" -m venv "$folder/venv"
"$folder/venv/bin/pip" -q --disable-pip-version-check install ansible-core==2.21.5
cd "$folder"
export ANSIBLE_HOME="$folder/home" LC_ALL=C.UTF-8
mkdir filter_plugins
cat >filter_plugins/loud.py <<'END'
with open("imports", "a") as stream:
    stream.write("imported\n")


class FilterModule:
    def filters(self):
        return {"loud": str.upper}
END
cat >play.yml <<'END'
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.debug: {msg: "{{ 'a' | loud }}"}
    - ansible.builtin.debug: {msg: "{{ item | loud }}"}
      loop: [a, b, c, d, e]
    - ansible.builtin.debug: {msg: "{{ 'a' | loud }}"}
END
venv/bin/ansible-playbook -i one,two, play.yml >out 2>&1 || { cat out >&2; exit 2; }
imports=$(wc -l <imports)
echo "3 tasks on 2 hosts: $imports imports"
[ "$imports" -eq 6 ] || {
  echo "changed: it was 6, one for each task and host" >&2
  exit 1
}
