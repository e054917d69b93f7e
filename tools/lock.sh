#!/bin/sh
# Writes every lock file from pyproject.toml: hashes, all platforms, no index URL. Needs `uv`. Run it if a dependency changes.
set -eu
cd "$(dirname "$0")/.."
compile() { uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links --upgrade "$@"; }

# All of our own code uses one set of versions: the layers and `serve` take theirs from those of the tests.
compile --python-version 3.11 --extra serve --group pyproject.toml:dev pyproject.toml -o requirements/dev.txt
compile --python-version 3.11 --extra serve --constraint requirements/dev.txt --group pyproject.toml:build pyproject.toml -o requirements/serve.txt
for layer in answer publish; do
    compile --python-version 3.13 --group "pyproject.toml:$layer" --constraint requirements/dev.txt -o "layers/$layer/requirements.txt"
done
compile --python-version 3.11 --group pyproject.toml:sam -o requirements/sam.txt
compile --python-version 3.11 --group pyproject.toml:checkov -o requirements/checkov.txt
compile --python-version 3.11 --group pyproject.toml:sbom -o requirements/sbom.txt
compile --python-version 3.11 --group pyproject.toml:clients -o requirements/clients.txt
compile --python-version 3.11 --group pyproject.toml:tufup -o requirements/tufup.txt
compile --python-version 3.11 --no-deps --group pyproject.toml:winsparkle -o requirements/winsparkle.txt
compile --python-version 3.11 --group pyproject.toml:bench -o requirements/bench.txt
compile --python-version 3.13 --group pyproject.toml:runtime -o requirements/runtime.txt

# Python 3.14 must find a wheel for each package, too. clients and tufup are left out: pytauri-wheel and bsdiff4 have none yet.
for lock in serve dev sam checkov sbom bench; do
    uv pip install --quiet --dry-run --target "${TMPDIR:-/tmp}" --python-version 3.14 --only-binary :all: --require-hashes -r "requirements/$lock.txt"
done

# The command and `serve` must be installable without a compiler on every system.
for platform in x86_64-manylinux_2_28 aarch64-manylinux_2_28 x86_64-unknown-linux-musl aarch64-unknown-linux-musl \
    x86_64-apple-darwin aarch64-apple-darwin x86_64-pc-windows-msvc aarch64-pc-windows-msvc; do
    for version in 3.11 3.12 3.13 3.14; do
        if [ "$platform-$version" = aarch64-pc-windows-msvc-3.11 ]; then continue; fi # PyYAML has no wheel for it
        uv pip compile --quiet --python-platform "$platform" --python-version "$version" --only-binary :all: --extra serve \
            pyproject.toml >/dev/null
    done
done
