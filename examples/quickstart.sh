#!/usr/bin/env bash
# From a fresh clone to a real model that speaks, with and without speculation: installs what is missing, gets
# SmolLM2-135M (98 MB), builds the program and compares. Usage: quickstart.sh [--pocket] [arguments for `hunch generate`]
#   --pocket  nothing is downloaded: the three small models of examples/models, two of them drafting for the third
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n\033[1m%s\033[0m\n' "$*" >&2; }

say "1/4 packages"
bash examples/install_packages.sh build

pocket=0
if [ "${1:-}" = --pocket ]; then
  pocket=1
  shift
fi

say "2/4 model"
if [ $pocket = 1 ]; then
  model=examples/models/pocket-large.gguf
else
  model=$(bash examples/get_model.sh smollm2)
fi

say "3/4 build"
cmake --preset release -DHUNCH_TESTS=OFF > /dev/null
cmake --build --preset release --target hunch_cli

say "4/4 plain decoding against speculation"
if [ $pocket = 1 ]; then
  medium=model:examples/models/pocket-medium.gguf small=model:examples/models/pocket-small.gguf
  compare() { build/release/hunch generate -m "$model" -p "Once upon a time" -n 200 -t 1 --ignore-eos --repeat 5 --compare "$@"; }
  compare --spec "$medium,len=3" "$@"
  compare --spec "staged($medium,len=4|$small,len=2)" "$@" | tail -n 5  # the text is the same
  exit
fi
if [ $# -gt 0 ]; then
  exec build/release/hunch generate -m "$model" "$@"
fi
exec build/release/hunch generate -m "$model" --chat -f examples/quickstart_prompt.txt -n 160 \
  --spec lookup:n=3,len=8 --compare --repeat 3
