"""What pytest collects of the lab: the programs in its images run there, with what is installed there."""

collect_ignore_glob = ["images/*"]
