# Which lines of a log report an error.

function is_error(s) {
  return s ~ /(^|[^A-Za-z_])(ERROR|FATAL|PANIC|CRITICAL|EMERGENCY)([^A-Za-z_]|$)/ || s ~ /\[(error|crit|alert|emerg)\]/ ||
    s ~ /"?(level|severity|lvl|levelname)"?[=:] *"?(error|fatal|critical|panic|ERROR|FATAL|CRITICAL)/ ||
    s ~ /^[A-Za-z_.]*(Error|Exception)(:|$)/
}
