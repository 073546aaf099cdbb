#!/bin/sh
# pytest-testinfra 10.2.2: of the options of an SSH connection, the address of a host takes some and drops others unsaid.
#
# A good guess: what the backend takes (timeout, controlpersist, controlpath, ssh_extra_args) can stand in the address,
# ssh://web?timeout=7&controlpath=/run/web, as ssh_config and timeout do, and a word that it does not know is an error. But
# controlpath and ssh_extra_args are dropped without a word. What is left is ControlMaster=auto without a path, which shares
# nothing: each command of a test logs in anew. As arguments of get_host, both arrive.
#
# Seen: in the address, ConnectTimeout=7 and no ControlPath; as an argument, ControlPath=/run/web.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python=${PYTHON:-python3}
"$python" -m venv "$folder/venv"
"$folder/venv/bin/pip" -q --disable-pip-version-check install pytest-testinfra==10.2.2
cd "$folder"
# Takes the place of ssh, and says how it was called.
printf '#!/bin/sh\necho "$@"\n' >ssh
chmod +x ssh
PATH=$folder:$PATH venv/bin/python - >out <<'END'
import testinfra

print("address:", testinfra.get_host("ssh://web?timeout=7&controlpath=/run/web&nonsense=1").run("true").stdout)
print("argument:", testinfra.get_host("ssh://web?timeout=7", controlpath="/run/web").run("true").stdout)
print("address:", testinfra.get_host("ssh://web?timeout=7&ssh_extra_args=-oControlPath=/run/web").run("true").stdout)
END
cat out
if grep '^address:' out | grep ControlPath; then
  echo "changed: the address is heeded now" >&2
  exit 1
fi
if [ "$(grep -c ConnectTimeout=7 out)" -ne 3 ] || ! grep -q '^argument:.*ControlPath=/run/web' out; then
  echo "changed: what arrived before does not any more" >&2
  exit 1
fi
