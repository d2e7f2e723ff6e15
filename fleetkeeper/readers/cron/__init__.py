"""Parsing of crontabs, cron's directories and systemd timers, as the programs themselves read them."""
