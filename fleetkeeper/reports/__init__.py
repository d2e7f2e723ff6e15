"""What an audit says: at the end of the terminal, and in results.json."""
