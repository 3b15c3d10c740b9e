#!/usr/bin/env bash
# clang-tidy (see .clang-tidy) over all public headers and the sources of the backends.
# Usage: tidy.sh BUILD [FILE…]; BUILD holds compile_commands.json, FILEs take the place of all sources.
set -euo pipefail
cd "$(dirname "$0")/.."

tidy=$(command -v clang-tidy-14 || command -v clang-tidy)
build=${1:?usage: tidy.sh BUILD [FILE…]}
shift
files=("$@")
# Kernels are left out: they are intrinsics, and take longer than all others together.
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(git ls-files 'backends/*.cpp' | grep -v /kernels/)
# What this build leaves out (hunch::cuda where there is no CUDA compiler) has no command; guessed ones find nothing.
known=()
for file in "${files[@]}"; do
  if grep -qF "\"file\": \"$PWD/$file\"" "$build/compile_commands.json"; then
    known+=("$file")
  else
    echo "clang-tidy: $file is not part of $build"
  fi
done

# Headers have no commands of their own: one source that includes them all stands for them.
all=$(mktemp --suffix=.cpp)
trap 'rm -f "$all"' EXIT
roots=(include backends/*/include)
for root in "${roots[@]}"; do
  (cd "$root" && find . -name '*.hpp' | sort | sed 's|^\./\(.*\)|#include <\1>|')
done > "$all"
includes=()
for root in "${roots[@]}"; do includes+=("-I$PWD/$root"); done

[ ${#known[@]} -gt 0 ] || { echo "clang-tidy: $build has none of the sources; configure it first" >&2; exit 1; }

echo "clang-tidy: all public headers, and ${#known[@]} sources"
"$tidy" --quiet --config-file=.clang-tidy "$all" -- -std=c++20 "${includes[@]}" &
headers=$!
failed=0
printf '%s\n' "${known[@]}" |  # BUILD may be another compiler's
  xargs -P "$(nproc)" -n 1 "$tidy" --quiet -p "$build" --extra-arg=-Wno-unknown-warning-option || failed=1
wait "$headers" || failed=1
exit $failed
