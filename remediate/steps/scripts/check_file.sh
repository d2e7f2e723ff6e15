#!/bin/sh
# Ends with 0 if a file is still the one that was seen. Arguments: as same_file.sh.
set -u
# include remediate/steps/scripts/same_file.sh
