#!/usr/bin/env bash
# Installs the Debian packages that are missing, and says so. Usage: install_packages.sh build|test|ci
#   build  what the program and the examples need
#   test   that, and what the tests need
#   ci     that, and what .ci/run needs: other compilers, and tools that look at sources
# Set HUNCH_NO_INSTALL=1 to be told what is missing instead.
set -euo pipefail

packages=(g++ cmake ninja-build pkg-config libpcre2-dev librange-v3-dev libcli11-dev nlohmann-json3-dev python3 python3-pip)
case "${1:-build}" in
  build) ;;
  test) packages+=(catch2 clang git) ;;
  ci) packages+=(catch2 clang git clang-16 clang-19 clang-format-14 clang-tidy-14 doxygen python3-venv) ;;
  *) echo "usage: $0 build|test|ci" >&2; exit 2 ;;
esac

# A tool that comes from elsewhere is as good as the package.
has() {
  case "$1" in
    g++ | cmake | git | python3 | doxygen | clang-format-14 | clang-tidy-14) command -v "$1" > /dev/null ;;
    clang) command -v clang++ > /dev/null ;;
    clang-16 | clang-19) command -v "clang++-${1#clang-}" > /dev/null ;;
    ninja-build) command -v ninja > /dev/null ;;
    python3-pip) python3 -m pip --version > /dev/null 2>&1 ;;
    python3-venv) python3 -c 'import ensurepip, venv' > /dev/null 2>&1 ;;
    *) dpkg -s "$1" > /dev/null 2>&1 ;;
  esac
}

missing=()
for package in "${packages[@]}"; do has "$package" || missing+=("$package"); done
[ ${#missing[@]} -gt 0 ] || exit 0

say() { printf '%s\n' "$*" >&2; }
root=()
[ "$(id -u)" -eq 0 ] || root=(sudo)
if [ "${HUNCH_NO_INSTALL:-0}" = 1 ] || ! command -v apt-get > /dev/null || { [ ${#root[@]} -gt 0 ] && ! command -v sudo > /dev/null; }; then
  say "hunch needs these packages (Debian's names): ${missing[*]}"
  say "install them, then run this again"
  exit 1
fi
say "installing: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${root[@]}" apt-get update -qq && DEBIAN_FRONTEND=noninteractive "${root[@]}" apt-get install -y -qq "${missing[@]}"; } > "$log" 2>&1; then
  cat "$log" >&2
  say "could not install: ${missing[*]}"
  exit 1
fi
