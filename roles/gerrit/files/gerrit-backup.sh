#!/bin/sh
# Brings a backup of a Gerrit up to date while that serves: gerrit-backup.sh SITE REPOSITORIES BACKUP
#
# Each repository is fetched by git, so it is whole as of one moment, whatever is written to it meanwhile. Those with
# accounts and with the numbers of changes come last: what the others refer to is then in them.
set -eu
umask 077
site=$1 repositories=$2 backup=$3
failed=0

mirror() {
  mkdir -p "$backup/git/$1"
  [ -e "$backup/git/$1/HEAD" ] || git init --quiet --bare "$backup/git/$1"
  cp -p "$repositories/$1/HEAD" "$repositories/$1/config" "$backup/git/$1/"
  git --git-dir="$backup/git/$1" fetch --quiet --atomic --prune --no-write-fetch-head "$repositories/$1" '+refs/*:refs/*'
}

cd "$repositories"
find . -type d -name '*.git' -prune -printf '%P\n' | sort >"$backup/repositories.new"
{ grep -vxE 'All-(Projects|Users)\.git' "$backup/repositories.new" || :; printf '%s\n' All-Users.git All-Projects.git; } \
  >"$backup/order.new"
while read -r name; do
  mirror "$name" || { echo "$name could not be backed up" >&2; failed=1; }
done <"$backup/order.new"
rm "$backup/order.new"
# A repository that is gone goes from the backup, too.
find "$backup/git" -type d -name '*.git' -prune -printf '%P\n' | sort | comm -13 "$backup/repositories.new" - |
  while read -r name; do rm -rf "${backup:?}/git/$name"; done
mv "$backup/repositories.new" "$backup/repositories"

for folder in etc data plugins lib static hooks; do
  [ ! -d "$site/$folder" ] || { rm -rf "$backup/$folder.new" && cp -a "$site/$folder" "$backup/$folder.new" &&
    rm -rf "${backup:?}/$folder" && mv "$backup/$folder.new" "$backup/$folder"; } || failed=1
done
exit $failed
