#!/bin/sh
# Writes every lock file from pyproject.toml: hashes, all platforms, no index URL. Needs `uv`. Run it if a dependency changes.
set -eu
cd "$(dirname "$0")/.."
compile() { uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links --upgrade "$@"; }

# All of our own code uses one set of versions: the layers and `serve` take theirs from those of the tests.
compile --python-version 3.11 --extra serve --group dev pyproject.toml -o requirements/dev.txt
compile --python-version 3.11 --extra serve --constraint requirements/dev.txt --group pyproject.toml:build pyproject.toml -o requirements/serve.txt
for layer in answer publish; do
    compile --python-version 3.13 --extra "$layer" --constraint requirements/dev.txt pyproject.toml -o "layers/$layer/requirements.txt"
done
compile --python-version 3.11 --group sam pyproject.toml -o requirements/sam.txt
compile --python-version 3.11 --group checkov pyproject.toml -o requirements/checkov.txt
compile --python-version 3.11 --group sbom pyproject.toml -o requirements/sbom.txt
compile --python-version 3.11 --group clients pyproject.toml -o requirements/clients.txt
compile --python-version 3.11 --group tufup pyproject.toml -o requirements/tufup.txt
compile --python-version 3.11 --no-deps --group winsparkle pyproject.toml -o requirements/winsparkle.txt
compile --python-version 3.11 --group bench pyproject.toml -o requirements/bench.txt
compile --python-version 3.13 --group runtime pyproject.toml -o requirements/runtime.txt

# Python 3.14 must find a wheel for each package, too. clients and tufup are left out: pytauri-wheel and bsdiff4 have none yet.
for lock in serve dev sam checkov sbom bench; do
    uv pip install --quiet --dry-run --target "${TMPDIR:-/tmp}" --python-version 3.14 --only-binary :all: --require-hashes -r "requirements/$lock.txt"
done
