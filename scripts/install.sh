#!/bin/sh
# Install Gatehouse and its tools into .venv; say in plain words what is missing.
set -eu
PYTHON="${PYTHON:-python3}"

if ! command -v "$PYTHON" >/dev/null 2>&1; then
  echo "There is no $PYTHON. Install Python 3.11 or newer, or name one: make PYTHON=python3.12 demo" >&2
  exit 2
fi
if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
  echo "$("$PYTHON" --version) is too old: Gatehouse needs Python 3.11 or newer." >&2
  echo "Name a newer one: make PYTHON=python3.12 demo" >&2
  exit 2
fi
if [ ! -x .venv/bin/python ]; then
  if ! "$PYTHON" -m venv .venv; then
    echo "Python cannot make a virtual environment. On Debian: apt-get install python3-venv" >&2
    exit 2
  fi
fi
echo "Installing into .venv ..."
if ! .venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[demo,dev]' >.venv/install.log 2>&1; then
  tail -n 15 .venv/install.log >&2
  echo "A package could not be installed; the lines above say which (whole log: .venv/install.log)." >&2
  echo "Without network? The first installation needs it; everything after works offline." >&2
  echo "A wheel missing for this machine? Gatehouse runs on Linux (x86-64, arm64) and macOS." >&2
  exit 2
fi
