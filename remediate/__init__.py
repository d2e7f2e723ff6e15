"""The only code that changes servers: plans, consent, and the way back."""
