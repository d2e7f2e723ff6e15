"""The topic `benchmark`: what of the CIS Docker Benchmark only a person can answer for. It looks at nothing."""

from fleetkeeper.topics.benchmark import init_lines, rules
from fleetkeeper.topics.protocol import Topic

TOPIC = Topic("benchmark", observers=(), rules=rules.RULES, init_lines=init_lines.init_lines)
