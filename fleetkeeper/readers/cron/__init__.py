"""Crontabs, cron's directories and systemd timers, as the programs themselves read them."""
