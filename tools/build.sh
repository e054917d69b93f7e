#!/bin/sh
# Builds the packages for `sam deploy`: `build.sh FOLDER`. This runs `sam build` with the runtime's Python on PATH.
# template.yaml and the Makefiles in functions/ and layers/ say what it builds. If `make` has downloaded the wheels, the
# build uses no network.
set -eu
folder=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."
PATH="$(.venv-sam/bin/python tools/find_python.py 3.13):$PATH"
if [ -e .wheels/installed ]; then
    wheels=$(.venv-sam/bin/python -c 'from pathlib import Path; print(Path.cwd().as_uri())')/.wheels # pip splits paths at spaces
    export PIP_NO_INDEX=1 PIP_FIND_LINKS="$wheels"
fi
# The commit and its day, if no file that is deployed differs from it. The privacy page shows them. Equal commits give equal
# packages, so this is not the day of the build.
COMET_COMMIT=
if [ -z "$(git status --porcelain -- functions layers template.yaml 2>&1)" ]; then
    COMET_COMMIT=$(git log -1 --format='%H %cs')
fi
export COMET_COMMIT
unset MAKEFLAGS MAKELEVEL # `make build` has its own
AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 exec .venv-sam/bin/sam build --template template.yaml --build-dir "$folder" >&2
