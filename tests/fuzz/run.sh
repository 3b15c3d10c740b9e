#!/usr/bin/env bash
# Runs the fuzzers, one after another: run.sh [SECONDS each, 60] [NAME…, all]. Needs clang.
# What they find is left in build/fuzz/findings, new inputs in build/fuzz/corpus. KEEP=1 brings the inputs that reach
# new code into tests/fuzz/corpus. Exit code 1 when there is a finding.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${1:-60}
shift || true
names=("$@")
[ ${#names[@]} -gt 0 ] || names=($(sed -n 's/^ *hunch_add_fuzzer(\([a-z_]*\).*/\1/p' tests/fuzz/CMakeLists.txt))
build=${BUILD:-build/fuzz}

[ -f "$build/build.ninja" ] || cmake --preset fuzz -B "$build" > /dev/null
cmake --build "$build" --target "${names[@]/#/fuzz_}"
mkdir -p "$build/findings"
# Wild allocations are findings, too; so is an input of 4 kB that takes 10 s.
limits=(-rss_limit_mb=2048 -malloc_limit_mb=256 -timeout=10 -max_len=4096 -len_control=0)
found=0
for name in "${names[@]}"; do
  mkdir -p "$build/corpus/$name"
  dictionary=()
  [ ! -f "tests/fuzz/$name.dict" ] || dictionary=(-dict="tests/fuzz/$name.dict")
  printf '==== %s, %s s\n' "$name" "$seconds"
  "$build/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -print_final_stats=1 -verbosity=0 "${limits[@]}" \
    "${dictionary[@]}" -artifact_prefix="$build/findings/$name-" "$build/corpus/$name" "tests/fuzz/corpus/$name" || found=1
  [ "${KEEP:-0}" = 0 ] || "$build/tests/fuzz/fuzz_$name" -merge=1 -verbosity=0 "${limits[@]}" \
    "tests/fuzz/corpus/$name" "$build/corpus/$name"
done
exit $found
