#!/usr/bin/env bash
# smoke.sh PYTHON SCRIPTS TRAIN_GENERATE HUNCH WORK: see smoke.py
set -euo pipefail
python=${HUNCH_PYTHON:-$1}
if ! "$python" -c 'import gguf, numpy, tokenizers, torch; torch.optim.Muon' 2> /dev/null; then
  echo "SKIPPED: $python has no torch, tokenizers or gguf; pip install -r examples/train/requirements.txt"
  exit 0
fi
rm -rf "$5"
mkdir -p "$5"
exec "$python" "$(dirname "$0")/smoke.py" "${@:2}"
