#!/bin/sh
# ansible-core 2.21.5: what failed is told on standard output, what is merely warned of on standard error.
#
# A good guess: messages that begin with [ERROR] go to standard error, as those that begin with [WARNING] do; so a script that
# keeps standard error has the errors, and one that drops it has none of them between the results. It is the other way round:
# the error of a task is printed by the callback that prints results, to the same stream as these, while warnings are printed
# to standard error. Who searches one stream of a run for both finds half of them.
#
# Seen:
#   stdout: [ERROR]: Task failed: Module failed: The command exited with a non-zero return code.
#   stderr: [WARNING]: provided hosts list is empty, only localhost is available.
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
run() { venv/bin/ansible -e "ansible_python_interpreter=$folder/venv/bin/python" "$@" >out 2>err || :; }

run -i localhost, -c local all -m ansible.builtin.command -a false
if ! grep '^\[ERROR\]: Task failed' out || grep -q '^\[ERROR\]' err; then
  echo "changed: the error of a task is not on standard output alone any more" >&2
  exit 1
fi
run -i /dev/null all -m ansible.builtin.ping
if ! grep '^\[WARNING\]' err || grep -q '^\[WARNING\]' out; then
  echo "changed: a warning is not on standard error alone any more" >&2
  exit 1
fi
