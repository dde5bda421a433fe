#!/usr/bin/env bash
# Everything that voicebox needs on a fresh Debian or Ubuntu machine, in .venv beside this checkout.
#
#   scripts/setup.sh run     what running needs, and the models that talking needs (about 150 MB)
#   scripts/setup.sh test    that, the test tools, the small models and, where possible, the JavaScript clients and the
#                            browser that the tests use
#   scripts/setup.sh llama   only the environment and llama.cpp (for the container image)
#
# Running it again takes seconds: what is there and unchanged is left alone.
#   PYTHON=python3.12           the Python to use (3.11 or newer)
#   LLAMA_FLAGS="GGML_CUDA=on"  further CMake settings for llama.cpp, separated by spaces
set -euo pipefail

mode=${1:-run}
case $mode in
  run) extra="" models=(--default) ;;
  test) extra="[dev]" models=(--default whisper-base smollm2-135m-instruct-q4_1) ;;
  llama) extra="" models=() ;;
  *) echo "usage: scripts/setup.sh run|test|llama" >&2; exit 2 ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
venv=$root/.venv
llama_version=0.3.36
llama_flags=(LLAVA_BUILD=OFF LLAMA_OPENSSL=OFF GGML_NATIVE=OFF)
read -r -a more_flags <<<"${LLAMA_FLAGS:-}"
llama_flags+=("${more_flags[@]}")

say() { printf '==> %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }
hash_of() { sha256sum | cut -c1-16; }

# ---------------------------------------------------------------------------------------------------- system packages

install_packages() {
  local command=(apt-get install -y --no-install-recommends "$@") update=(apt-get update -q)
  command -v apt-get >/dev/null || die "these are missing: $*. Install them with this system's package manager."
  if [ "$(id -u)" = 0 ]; then
    say "installing system packages: $*"
    DEBIAN_FRONTEND=noninteractive "${update[@]}" && DEBIAN_FRONTEND=noninteractive "${command[@]}"
  elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    say "installing system packages with sudo: $*"
    sudo "${update[@]}" && sudo DEBIAN_FRONTEND=noninteractive "${command[@]}"
  else
    die "these packages are missing: $*. Ask an administrator for: ${command[*]}"
  fi
}

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
    if command -v "$candidate" >/dev/null && is_new_enough "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

find_or_install_python() {
  local candidate
  if ! find_python >/dev/null; then
    [ -z "${PYTHON:-}" ] || die "PYTHON=$PYTHON is not Python 3.11 or newer"
    command -v apt-cache >/dev/null || die "Python 3.11 or newer is missing. Install it, or name it: make PYTHON=/path/to/python3.12"
    # The distribution's own python3 where it is new enough (Debian 12, Ubuntu 24.04); else an extra one (Ubuntu 22.04).
    candidate=python3
    dpkg --compare-versions "$(apt-cache show python3 2>/dev/null | sed -n 's/^Version: //p' | head -n 1)" ge 3.11 ||
      candidate=python3.11
    install_packages "$candidate" "$candidate-venv" >&2
  fi
  find_python || die "Python 3.11 or newer is missing. Install it, or name it: make PYTHON=/path/to/python3.12"
}

# ------------------------------------------------------------------------------------------------ virtual environment

make_venv() {
  if [ -x "$venv/bin/python" ] && is_new_enough "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    return
  fi
  local python version
  python=$(find_or_install_python)
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    install_packages "$version-venv"
  fi
  say "creating .venv with $("$python" --version)"
  "$python" -m venv --clear "$venv"
  # Debian's pip is too old to pass several build settings and to resume downloads.
  "$venv/bin/python" -m pip install --quiet --upgrade 'pip>=25.1'
}

# ---------------------------------------------------------------------------------------------------------- llama.cpp

# pip would reuse a cached wheel that was built with other settings. So the wheel is built here, into a cache of its
# own that is named after all that shapes it, and the environment remembers which one it holds.
llama_key() {
  {
    echo "$llama_version" "${llama_flags[@]}" "$(uname -m)" "$(ldd --version 2>&1 | head -n 1)"
    "$venv/bin/python" -c 'import sys; print(sys.version_info[:2])'
    cat scripts/nocommon.cmake
  } | hash_of
}

build_llama() {
  local target=$1 log=$1/build.log fresh=$1/new settings=() flag begin step shown="" pid
  command -v c++ >/dev/null || install_packages build-essential
  for flag in "${llama_flags[@]}" "CMAKE_PROJECT_llama_cpp_INCLUDE=$root/scripts/nocommon.cmake"; do
    settings+=("--config-settings=cmake.define.$flag")
  done
  say "building llama.cpp $llama_version: about 4 minutes on two cores (log: $log)"
  begin=$SECONDS
  # cmake and ninja come as build requirements where the system has none.
  CMAKE_BUILD_PARALLEL_LEVEL=$(nproc) "$venv/bin/python" -m pip wheel --verbose --no-deps --no-cache-dir \
    --no-binary llama-cpp-python "${settings[@]}" --wheel-dir "$fresh" "llama-cpp-python==$llama_version" \
    >"$log" 2>&1 &
  pid=$!
  trap 'kill "$pid" 2>/dev/null || true' EXIT
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1
    step=$(grep -oE '^ *\[ *[0-9]+[/%][^]]*\]' "$log" | tail -n 1 | tr -d ' ' || true)
    if [ -t 1 ]; then
      printf '\r    %s %d:%02d ' "${step:-preparing}" $(((SECONDS - begin) / 60)) $(((SECONDS - begin) % 60))
    elif [ $(((SECONDS - begin) / 20)) != "$shown" ]; then
      shown=$(((SECONDS - begin) / 20))
      printf '    %s %d:%02d\n' "${step:-preparing}" $(((SECONDS - begin) / 60)) $(((SECONDS - begin) % 60))
    fi
  done
  [ ! -t 1 ] || printf '\n'
  trap - EXIT
  if ! wait "$pid"; then
    tail -n 25 "$log" >&2
    die "llama.cpp could not be built; the whole log is $log"
  fi
  mv "$fresh"/llama_cpp_python-*.whl "$target/" # at once, so that an interrupted build leaves no half wheel
  rmdir "$fresh"
}

install_llama() {
  local key stamp=$venv/.llama-build cache wheel
  key=$(llama_key)
  if [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && "$venv/bin/python" -m pip show --quiet llama-cpp-python 2>/dev/null; then
    return
  fi
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/voicebox/wheels/$key
  wheel=$(compgen -G "$cache/llama_cpp_python-*.whl" | head -n 1 || true)
  if [ -z "$wheel" ]; then
    mkdir -p "$cache"
    build_llama "$cache"
    wheel=$(compgen -G "$cache/llama_cpp_python-*.whl" | head -n 1) || die "the build left no wheel in $cache"
  fi
  say "installing ${wheel##*/}"
  "$venv/bin/python" -m pip install --quiet --no-deps --force-reinstall "$wheel"
  echo "$key" >"$stamp"
}

# ----------------------------------------------------------------------------------------------------------- packages

install_packages_of_python() {
  local stamp=$venv/.setup-$mode key
  key=$({ cat pyproject.toml scripts/setup.sh "$venv/.llama-build"; echo "$root"; } | hash_of)
  if [ "$(cat "$stamp" 2>/dev/null)" = "$key" ]; then
    return
  fi
  say "installing voicebox$extra and what it needs"
  "$venv/bin/python" -m pip install --editable ".$extra"
  echo "$key" >"$stamp"
}

# ------------------------------------------------------------------------------------------ clients of other languages

can_install() { command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }; }; }

# Node.js with the clients of tests/clients, and Chromium. What cannot be had is left out, and its tests are skipped.
install_clients() {
  local missing=() stamp=tests/clients/node_modules/.setup key
  command -v npm >/dev/null || missing+=(nodejs npm)
  command -v chromium >/dev/null || command -v chromium-browser >/dev/null || missing+=(chromium)
  if [ ${#missing[@]} != 0 ] && can_install; then
    (install_packages "${missing[@]}") >/dev/null 2>&1 || say "could not install: ${missing[*]}"
  fi
  if ! command -v npm >/dev/null; then
    say "Node.js is missing: the tests with JavaScript clients are skipped"
    return
  fi
  key=$(hash_of <tests/clients/package-lock.json)
  if [ "$(cat "$stamp" 2>/dev/null)" != "$key" ]; then
    say "installing the JavaScript clients that the tests use"
    if npm ci --prefix tests/clients --no-audit --no-fund --loglevel=error >/dev/null; then
      echo "$key" >"$stamp"
    else
      say "they could not be installed: the tests with them are skipped"
    fi
  fi
}

mkdir -p "$venv"
exec 9<"$root"
flock 9 # two at a time would build into each other; the lock ends with this process
make_venv
install_llama
if [ "$mode" != llama ]; then
  install_packages_of_python
  [ "$mode" != test ] || install_clients
  exec 9<&-
  "$venv/bin/voicebox" models pull --quick "${models[@]}" >/dev/null
fi
say "ready"
