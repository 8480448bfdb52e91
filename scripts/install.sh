#!/bin/sh
# Install Cockpit with one set of extras into an environment, made first where there is none:
#     scripts/install.sh .venv test
#
# torch comes first, in the tested version, and only where there is none. What was found or installed
# is then held fast by a constraint: backpack-for-pytorch asks for any torchvision, and pip would take
# the newest one, which drags in the newest torch with gigabytes of CUDA packages.
set -eu

venv=$1
extras=$2
python=${PYTHON:-python3}
torch=${TORCH:-torch==2.13.0}
bin="$venv/bin"

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

if [ ! -x "$bin/python" ]; then
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
        fail "Cockpit needs Python 3.10 or newer; '$python' is older or missing." \
            "Say which one to use: make demo PYTHON=python3.12"
    echo "Making the environment $venv …"
    if ! "$python" -m venv "$venv"; then
        rm -rf "$venv"
        fail "'$python -m venv' failed. On Debian and Ubuntu: apt install python3-venv"
    fi
fi

pip() {
    "$bin/python" -m pip --disable-pip-version-check "$@"
}

versions() {
    "$bin/python" - <<'PY'
from importlib.metadata import PackageNotFoundError, version

for name in ("torch", "torchvision"):
    try:
        print(f"{name}=={version(name)}")
    except PackageNotFoundError:
        pass
PY
}

constraint="$venv/cockpit-constraint.txt"
versions >"$constraint"
if ! grep -q '^torch==' "$constraint"; then
    echo "Installing $torch (once; this takes a few minutes) …"
    # shellcheck disable=SC2086  # TORCH may hold options of pip
    pip install $torch
    versions >"$constraint"
fi

echo "Installing Cockpit and what it needs ($extras), next to $(head -n 1 "$constraint") …"
pip install --quiet --constraint "$constraint" --editable ".[$extras]" ||
    fail "pip could not install Cockpit beside $(head -n 1 "$constraint") (see above)." \
        "If that torch is out of the range in pyproject.toml, use an environment of its own: make demo VENV=.venv"
