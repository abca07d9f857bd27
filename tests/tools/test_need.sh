#!/usr/bin/env bash
# tests/tools/need says what it installs before it does, tells what can be had from what cannot, and asks for nothing that
# is here: with an apt-get of its own, which, like Debian's, does without a question what brings no other package.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/bin" "$work/tests/tools"
cp tests/tools/need "$work/tests/tools/"

cat >"$work/bin/apt-get" <<'APT'
#!/usr/bin/env bash
printf '%s\n' "$*" >>"$WORK/asked"
does=yes packages=()
for word; do
  case $word in
    --print-uris | update) does=no ;;
    -* | *=* | install) ;;
    *) packages+=("$word") ;;
  esac
done
for package in ${packages[@]+"${packages[@]}"}; do
  [ "$package" != nosuch ] || { echo "E: Unable to locate package $package"; exit 100; }
  [ "$does" = no ] || { echo "installed $package" >>"$WORK/order"; touch "$WORK/have.$package"; }
done
echo 'Need to get 470 kB of archives.'
echo 'After this operation, 1269 kB of additional disk space will be used.'
APT
cat >"$work/bin/dpkg-query" <<'DPKG'
#!/usr/bin/env bash
[ ! -e "$WORK/have.${*: -1}" ] || printf installed
DPKG
printf '#!/bin/sh\necho 0\n' >"$work/bin/id"
chmod +x "$work"/bin/*

need() { # PACKAGE...: what it says goes where the installations are noted; its exit status is in $status
  : >"$work/order"
  : >"$work/asked"
  status=0
  WORK=$work PATH=$work/bin:$PATH "$work/tests/tools/need" "$@" 2>>"$work/order" || status=$?
}
expect() { # WHAT COMMAND...
  local what=$1
  shift
  "$@" || { echo "FAILED $what"; sed 's/^/    /' "$work/order" "$work/asked"; exit 1; }
  echo "ok $what"
}
said() { [ "$status" = "$1" ] && [ "$(cat "$work/order")" = "$2" ]; }

need lone-tool
expect 'it says what it installs, and then does' said 0 'installing with apt-get (470 kB to fetch, 1269 kB on disk): lone-tool
installed lone-tool'
need lone-tool
expect 'what is here is not asked for' said 0 ''
expect 'nor is apt-get' test ! -s "$work/asked"
need nosuch
expect 'what cannot be had is named' said 1 'E: Unable to locate package nosuch
could not get: nosuch'
need nosuch other-tool
expect 'and stops no other' said 1 'installing with apt-get (470 kB to fetch, 1269 kB on disk): other-tool
installed other-tool
could not get: nosuch'
