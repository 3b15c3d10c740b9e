#!/usr/bin/env bash
# The test command: installs what is missing, gets SmolLM2, builds preset `release` with tests, runs all of them.
# Tests of models that are not in the model cache say so and count as skipped. Usage: run.sh [arguments for ctest]
set -euo pipefail
cd "$(dirname "$0")/.."

bash examples/install_packages.sh test
bash examples/get_model.sh smollm2 > /dev/null
cmake --preset release -DHUNCH_TESTS=ON > /dev/null
cmake --build --preset release
exec ctest --preset release --output-on-failure "$@"
