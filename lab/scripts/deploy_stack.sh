#!/bin/sh
# Deploys the stack $2 from the files in $1, as a person does there: its variables are exported.
# The client says of each image that no registry has it.

cd "$1" || exit
set -a
# shellcheck disable=SC1091 # it is written beside the stack's file
. ./deploy.env
docker stack deploy --compose-file stack.yml "$2"
