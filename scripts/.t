#!/usr/bin/env bash
# Everything that CI runs, in order, each stage under a heading with its time. Nothing more is asked of a change.
#
# On a machine that has none of it: about 35 CPU minutes, nearly all of them llama.cpp for here and for the Pi. Warm: minutes.
# shellcheck source=scripts/lib.sh
source "$(dirname "$0")/lib.sh"

trap '(($? == 0)) || echo "== $stage: FAILED"' EXIT
stage() {
    local began=$SECONDS
    stage=$1
    printf '\n== %s\n' "$stage"
    "${@:2}"
    printf -- '-- %s: %d s\n' "$stage" $((SECONDS - began))
}

installation() {
    need_build
    need_apt "the tests: a real broker, and the linter of these scripts" mosquitto mosquitto-clients openssl shellcheck jq
    scripts/get-model
    scripts/get-templates
}

shell() {
    mapfile -t scripts < <(grep -lE '^#!/usr/bin/env bash|^# shellcheck shell=bash' scripts/* .ci/run)
    shellcheck -x "${scripts[@]}"
    echo "${#scripts[@]} scripts are clean"
}

# Files that can be read at one sitting.
lengths() {
    find . -name '*.rs' -not -path './target/*' -exec wc -l {} + | awk '
        $2 != "total" && $2 !~ /\/(tests|benches|fuzz)\// { files++; if ($1 > 400) { print $2 " has " $1 " lines; a split is due at 400"; long = 1 } }
        END { if (!long) print files " files, none over 400 lines"; exit long }'
    wc -l scripts/* | awk '$2 != "total" && $1 > 60 { print $2 " has " $1 " lines; a script has 60"; long = 1 } END { exit long }'
}

documents() { RUSTDOCFLAGS='-D warnings' cargo doc --release --locked --workspace --no-deps; }

stage "what is needed" installation
stage "shellcheck" shell
stage "file lengths" lengths
stage "who knows whom" scripts/check-deps
stage "licences, sources, advisories" scripts/check-crates
stage "clippy" cargo clippy --release --locked --workspace --all-targets -- -D warnings
stage "documents" documents
if apt_has rustc-web; then
    stage "cross-build for the Pi 400" scripts/cross
    stage "only what a Cortex-A72 has" scripts/check-a72
    stage "the story under an emulated Cortex-A72" scripts/cross-story
else
    printf '\nNOT CHECKED here: the cross-build for the Pi 400, for it takes the rustc-web of Debian 12 or 13\n'
fi
stage "tests" cargo test --release --locked --workspace
