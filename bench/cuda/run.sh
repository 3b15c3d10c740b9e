#!/usr/bin/env bash
# Everything that needs a GPU, in one go: build, tests, laws, compute-sanitizer, products, passes. Writes one JSON named
# after the device into bench/results.  Usage: bench/cuda/run.sh [model.gguf]
set -euo pipefail
cd "$(dirname "$0")/../.."

build=${BUILD:-build/cuda}
out=${RESULTS:-bench/results}
model=${1:-}
mkdir -p "$out"

cmake -G Ninja -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DHUNCH_CUDA=ON -DHUNCH_BENCH=ON -DHUNCH_EXAMPLES=OFF > /dev/null
cmake --build "$build" --target test_cuda bench_cuda bench_cuda_products

tests=$build/tests/cuda/test_cuda
if ! "$tests" "cuda: a tied head is held once" | tee /dev/stderr | grep -q "All tests passed"; then exit 1; fi
if "$tests" "cuda: a tied head is held once" | grep -q SKIPPED; then
  echo "no GPU that can be used: nothing was measured" >&2
  exit 77
fi

# verdict NAME COMMAND…: runs it, keeps its output, prints passed or failed.
logs=$(mktemp -d)
verdict() {
  local name=$1
  shift
  if "$@" > "$logs/$name" 2>&1; then echo passed; else echo failed; tail -20 "$logs/$name" >&2; fi
}
tested=$(verdict tests "$tests")
declare -A checked
for tool in memcheck racecheck initcheck; do
  checked[$tool]="not installed"
  if command -v compute-sanitizer > /dev/null; then
    checked[$tool]=$(verdict "$tool" compute-sanitizer --tool "$tool" --error-exitcode 1 "$tests" "cuda match*,cuda rejection*,cuda draws*,cuda chains*")
  fi
done
"$build/bench/cuda/bench_cuda_products" > "$logs/products.json"
"$build/bench/cuda/bench_cuda" ${model:+"$model"} > "$logs/passes.json"

name=$(sed -n 's/.*"device": "\([^"]*\)".*/\1/p' "$logs/products.json" | head -1)
result="$out/cuda-$(echo "$name" | tr 'A-Z ' 'a-z-').json"
{
  printf '{\n"device": "%s",\n"commit": "%s",\n"driver": "%s",\n' "$name" "$(git rev-parse --short HEAD)" \
    "$(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -1)"
  printf '"tests": "%s", "memcheck": "%s", "racecheck": "%s", "initcheck": "%s",\n' "$tested" "${checked[memcheck]}" \
    "${checked[racecheck]}" "${checked[initcheck]}"
  printf '"products": '
  cat "$logs/products.json"
  printf ',\n"passes": '
  cat "$logs/passes.json"
  printf '}\n'
} > "$result"
echo "$result"
