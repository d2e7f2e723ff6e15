"""What a person changes for what rules about errors of services find."""
