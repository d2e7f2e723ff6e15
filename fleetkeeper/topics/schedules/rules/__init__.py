"""The rules about schedules."""
