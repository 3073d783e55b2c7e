#!/usr/bin/env bash
# An authority and certificates for three nodes and a tool, in the present folder. Explained in docs/guides/tls.md.
set -euo pipefail

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
  -subj "/CN=authority of the game's cluster" -addext keyUsage=critical,keyCertSign,cRLSign \
  -keyout ca.key -out ca.pem

# certificate <name of its files> <URI>: a key that stays where it is made, and a certificate for 90 days
certificate() {
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr"
  printf 'basicConstraints=critical,CA:FALSE\nsubjectAltName=URI:%s\n' "$2" > "$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 90 -extfile "$1.ext" -out "$1.pem"
  rm "$1.csr" "$1.ext"
}

certificate 1.2.1 clusterts://default/1.2.1
certificate rooms 'clusterts://default/1.3.*'
certificate harbor 'clusterts://default/1.255.*'
certificate tool clusterts://default/0.0.0
