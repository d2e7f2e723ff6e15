# Set a key of the engine's settings, which then reads them again; return once the engine says so.
# Arguments: the file of settings, the key, its value as JSON, a format for `docker info`, and what it prints then.
# The file is one line, as the lab writes it. Its time, and that of its folder, are kept for `unset_engine_key.sh`.
file=$1 key=$2 value=$3 format=$4 want=$5
[ -e /srv/lab-settings ] || { touch -r "$file" /srv/lab-settings; touch -r "${file%/*}" /srv/lab-settings-folder; }
sed -i "1s|\"$key\": [^,]*, ||; 1s|^{|{\"$key\": $value, |" "$file" && kill -HUP "$(pgrep -x dockerd)" || exit 1
for try in $(seq 100); do
  docker info --format "$format" | grep -q "$want" && exit 0
  sleep 0.1
done
exit 1
