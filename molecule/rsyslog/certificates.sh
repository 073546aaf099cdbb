#!/bin/sh
# Makes, in the new folder $1, two authorities, and for each of the names that follow a folder with certificates of both
# and a key that belongs to neither.
set -e
folder=$1
shift
mkdir -p "$folder.new"
cd "$folder.new"
for authority in ca other-ca; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$authority" \
        -keyout $authority.key -out $authority.pem
done
for name in "$@"; do
    mkdir "$name"
    cp ca.pem other-ca.pem "$name"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$name/host.key"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$name/wrong.key"
    for prefix in "" other-; do
        openssl req -x509 -CA "${prefix}ca.pem" -CAkey "${prefix}ca.key" -key "$name/host.key" -days 30 -subj "/CN=$name" \
            -addext "subjectAltName=DNS:$name" -addext basicConstraints=critical,CA:FALSE -out "$name/${prefix}host.pem"
    done
done
# The first authority, as the role certificates has that of a site.
mkdir -m 700 site
cp ca.pem site/ca.crt
cp ca.key site/ca.key
mv "$PWD" "$folder"
