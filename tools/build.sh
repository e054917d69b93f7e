#!/bin/sh
# Builds what `sam deploy` uploads: `build.sh FOLDER`. SAM looks for the runtime's Python on PATH and drops byte code;
# Lambda's disk cannot be written, so that code without it is compiled anew at every cold start.
set -eu
folder=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."
runtime=3.13
bin=$(.venv-sam/bin/python tools/find_python.py "$runtime")
if [ -e .wheels/installed ]; then # what `make` fetched: no index is asked
    export PIP_NO_INDEX=1 PIP_FIND_LINKS="$PWD/.wheels"
fi
PATH="$bin:$PATH" AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 \
    .venv-sam/bin/sam build --template template.yaml --build-dir "$folder" >&2

# What the answering function never loads, it does not carry: there is less to fetch at a cold start, and what is in the
# cloud is what a reviewer reads. Of the libraries it is the rest of Powertools beside its logger, what obstore has for
# libraries that are not here, and type stubs.
(
    cd "$folder/AnswerFunction/comet_updates"
    find . -mindepth 1 -maxdepth 1 ! -name __init__.py ! -name answer -exec rm -r {} +
    cd "$folder/AnswerLayer/python"
    rm -r aws_lambda_powertools/event_handler aws_lambda_powertools/middleware_factory obstore/auth obstore/fsspec.py
    find aws_lambda_powertools/utilities -mindepth 1 -maxdepth 1 ! -name __init__.py ! -name jmespath_utils -exec rm -r {} +
    find . -name '*.pyi' -delete
)

# Unchecked: valid whatever the files' times are, which zip rounds and builders rewrite. The paths inside are those on
# Lambda, so that two machines build the same bytes.
compile() {
    "$bin/python$runtime" -m compileall -q -f -j 0 --invalidation-mode unchecked-hash -s "$1" -p "$2" "$1"
}
for function in AnswerFunction PublishFunction; do compile "$folder/$function" /var/task; done
for layer in AnswerLayer PublishLayer; do compile "$folder/$layer" /opt; done
