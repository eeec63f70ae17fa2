# shellcheck shell=bash
# A broker and Hob in a folder of their own, for the demonstration and the stories. Sourced in place of lib.sh; never run.
#
# The broker keeps what it has acknowledged. Everything is on loopback, on a port that nobody else uses.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# open_house COMMAND...: starts a broker and then Hob by COMMAND, with Hob's settings from the environment, and returns when
# Hob is online. Sets `house` (the folder), `port`, `device`, `broker` and `hob_up` (process ids).
open_house() {
    house=$(mktemp -d "${TMPDIR:-/tmp}/hob-house.XXXXXX")
    port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    cat >"$house/mosquitto.conf" <<END
listener $port 127.0.0.1
allow_anonymous true
user $(id -un)
persistence true
persistence_location $house/
autosave_on_changes true
autosave_interval 1
END
    trap close_house EXIT
    setsid /usr/sbin/mosquitto -c "$house/mosquitto.conf" >"$house/mosquitto.log" 2>&1 &
    broker=$!
    until (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
        kill -0 "$broker" 2>/dev/null || { cat "$house/mosquitto.log" >&2; fail "the broker ended; its log is above"; }
        sleep 0.05
    done
    env HOB_MQTT__HOST=127.0.0.1 HOB_MQTT__PORT="$port" HOB_SHELF__DIR="$shelf" HOB_STATE__DIR="$house/state" \
        setsid "$@" >"$house/hob.log" 2>&1 &
    hob_up=$!
    if ! device=$(mosquitto_sub -h 127.0.0.1 -p "$port" -t 'hob/+/status' -F %t -C 1 -W "${patience:-60}"); then
        cat "$house/hob.log" >&2
        fail "Hob was not online within ${patience:-60} s; its log is above"
    fi
    device=${device#hob/}
    device=${device%/status}
}

# Ends Hob and then its broker, and forgets the folder.
close_house() {
    local process
    for process in ${hob_up:-} ${broker:-}; do
        kill -- "-$process" 2>/dev/null || true # each leads a group of its own
        wait "$process" || true
    done
    rm -rf "$house"
}
