#!/usr/bin/env bash
# Makes the certificates that the tests use, with openssl: bash test/support/certificates/make.sh
# They are checked in, so that tests need no openssl, and are good until 2126. Each file holds a certificate and its key.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

from=20200101000000Z
until=21260101000000Z

newkey() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$work/$1.key"; }

# sign <file> <subject> <extensions> <from> <until> <who signs: -selfsign, or -cert ...>: $work/<file>.crt
sign() {
  local file=$1 subject=$2 extensions=$3 from=$4 until=$5
  shift 5
  : >"$work/index"
  cat >"$work/ca.cnf" <<CONF
[ca]
default_ca = it
[it]
database = $work/index
new_certs_dir = $work
default_md = sha256
policy = any
unique_subject = no
rand_serial = yes
[any]
commonName = supplied
[extensions]
$extensions
CONF
  openssl req -new -key "$work/$file.key" -subj "$subject" -out "$work/$file.csr"
  openssl ca -batch -notext -config "$work/ca.cnf" -extensions extensions -in "$work/$file.csr" -out "$work/$file.crt" \
    -startdate "$from" -enddate "$until" "$@" 2>/dev/null
}

# authority <name>
authority() {
  newkey "$1"
  sign "$1" "/CN=$1" 'basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign' "$from" "$until" -selfsign -keyfile "$work/$1.key"
  cp "$work/$1.crt" "$1.pem"
}

# signed <authority> <file> <subject> <alternative names> [from] [until] [further extension]
signed() {
  local extensions="basicConstraints = critical,CA:FALSE
${7:-}
${4:+subjectAltName = @names}
[names]
$4"
  newkey "$2"
  sign "$2" "$3" "$extensions" "${5:-$from}" "${6:-$until}" -cert "$work/$1.crt" -keyfile "$work/$1.key"
  cat "$work/$2.crt" "$work/$2.key" >"$2.pem"
}

uri() { local n=1; for each; do echo "URI.$n = clusterts://$each"; n=$((n + 1)); done; }

authority authority
authority other-authority
signed authority 1.2.1 /CN=1.2.1 "$(uri default/1.2.1)"
signed authority 1.3.1 /CN=1.3.1 "$(uri default/1.3.1)"
signed authority 1.3.1-renewed /CN=1.3.1 "$(uri default/1.3.1)"
signed authority group-1 /CN=group-1 "$(uri 'default/1.*.*' 'blue/1.2.*')"
signed authority every-node /CN=every-node "$(uri 'default/*.*.*')"
signed authority harbors /CN=harbors "$(uri 'default/*.255.*')"
signed authority anonymous /CN=tool "$(uri default/0.0.0)"
signed authority expired /CN=1.2.1 "$(uri default/1.2.1)" 20200101000000Z 20210101000000Z
signed authority not-yet-valid /CN=1.2.1 "$(uri default/1.2.1)" 21250101000000Z 21260101000000Z
signed authority no-address /CN=1.2.1 'DNS.1 = node.example'
signed authority no-names /CN=1.2.1 ''
signed authority injected /CN=1.2.1 'DNS.1 = "a, URI:clusterts://default/1.2.1"'
signed authority server-only /CN=1.2.1 "$(uri default/1.2.1)" '' '' 'extendedKeyUsage = serverAuth'
signed authority localhost /CN=1.3.1 "$(uri default/1.3.1)
DNS.1 = localhost"
signed other-authority foreign /CN=1.2.1 "$(uri default/1.2.1)"
signed other-authority foreign-1.3.1 /CN=1.3.1 "$(uri default/1.3.1)"
signed other-authority foreign-anonymous /CN=tool "$(uri default/0.0.0)"
newkey self-signed
sign self-signed /CN=1.2.1 'subjectAltName = URI:clusterts://default/1.2.1' "$from" "$until" -selfsign -keyfile "$work/self-signed.key"
cat "$work/self-signed.crt" "$work/self-signed.key" >self-signed.pem
openssl pkcs8 -topk8 -in "$work/1.2.1.key" -passout pass:open -out "$work/encrypted.key"
cat "$work/1.2.1.crt" "$work/encrypted.key" >encrypted-key.pem
