"""The sections 4 and 5 of the benchmark, judged from stack files, Compose files and Dockerfiles, without any server."""
