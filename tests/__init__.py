"""The suite's own tests: what needs no program in pure/, what starts programs of this machine in programs/,
what needs servers in lab/. Folders below mirror the code."""
