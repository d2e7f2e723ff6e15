"""Projects of Docker Compose: what their files declare, beside the containers that run."""
