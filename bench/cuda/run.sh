#!/usr/bin/env bash
# Everything that needs a GPU, in one go: build, tests, laws, compute-sanitizer, products, passes, policies, and
# transformers' generate where Python has it. Writes one JSON named after the device into bench/results.
# Usage: bench/cuda/run.sh [model.gguf [draft.gguf prompts.jsonl]]
set -euo pipefail
cd "$(dirname "$0")/../.."

build=${BUILD:-build/cuda}
out=${RESULTS:-bench/results}
model=${1:-} draft=${2:-} prompts=${3:-}
mkdir -p "$out"

cmake -G Ninja -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DHUNCH_CUDA=ON -DHUNCH_BENCH=ON > /dev/null
cmake --build "$build" --target test_cuda bench_cuda bench_cuda_products hunch_cli

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
    checked[$tool]=$(verdict "$tool" compute-sanitizer --tool "$tool" --error-exitcode 1 "$tests" "cuda match*,cuda rejection*,cuda draws*,cuda chains*,cuda passes ahead*")
  fi
done
"$build/bench/cuda/bench_cuda_products" > "$logs/products.json"
"$build/bench/cuda/bench_cuda" ${model:+"$model"} > "$logs/passes.json"

# policies DRAFT STAGES ARGUMENTS…: hunch bench, greedy with `match` and at T = 0.8 with `rejection`. A device that fails
# leaves null.
policies() {
  local draft=$1 stages=$2 bench=("$build/hunch" bench --device cuda --output json)
  shift 2
  bench+=("$@" --spec "lookup:n=3,len=8" --spec "swift:skip=0.4,len=4" --spec "model:$draft,len=4" --spec "$stages")
  "${bench[@]}" || echo null
  echo ,
  "${bench[@]}" --temp 0.8 --verify rejection --spec "rsd-c:$draft,b=3x2x1" --spec "rsd-s:$draft,w=4,len=3" || echo null
}
pocket=examples/models/pocket
policies "$pocket-medium.gguf" "staged(model:$pocket-medium.gguf,len=4|model:$pocket-small.gguf,len=2)" \
  --raw -m "$pocket-large.gguf" --prompts examples/models/prompts.jsonl -n 128 --ignore-eos > "$logs/policies.json"
if [ -n "$draft" ]; then
  echo , >> "$logs/policies.json"
  policies "$draft" "staged(model:$draft,len=5|lookup:n=3,len=8)" \
    -m "$model" --prompts "$prompts" -n 64 >> "$logs/policies.json"
  # The same files in transformers, where Python has it.
  python3 bench/cuda/transformers_generate.py -m "$model" -md "$draft" --prompts "$prompts" > "$logs/transformers.json" ||
    echo null > "$logs/transformers.json"
else
  echo null > "$logs/transformers.json"
fi

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
  printf ',\n"policies": [\n'
  cat "$logs/policies.json"
  printf '],\n"transformers": '
  cat "$logs/transformers.json"
  printf '}\n'
} > "$result"
echo "$result"
