#!/usr/bin/env bash
# From a fresh clone to a real model that speaks, with and without speculation: installs what is missing, gets
# SmolLM2-135M (98 MB), builds the program and compares. Usage: quickstart.sh [arguments for `hunch generate`]
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n\033[1m%s\033[0m\n' "$*" >&2; }

say "1/4 packages"
bash examples/install_packages.sh build

say "2/4 model"
model=$(bash examples/get_model.sh smollm2)

say "3/4 build"
cmake --preset release -DHUNCH_TESTS=OFF > /dev/null
cmake --build --preset release --target hunch_cli

say "4/4 plain decoding against speculation"
if [ $# -gt 0 ]; then
  exec build/release/hunch generate -m "$model" "$@"
fi
exec build/release/hunch generate -m "$model" --chat -f examples/quickstart_prompt.txt -n 160 \
  --spec lookup:n=3,len=8 --compare --repeat 3
