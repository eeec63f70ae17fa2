# shellcheck shell=bash
# Where things lie, and how what is missing gets installed. Sourced by the other scripts; never run.
#
# Nothing is installed but from apt, cargo and PyPI, and each installation says what and why.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cache=${XDG_CACHE_HOME:-$HOME/.cache}/hob
# shellcheck disable=SC2034 # used by those who source this
shelf=${HOB_SHELF__DIR:-$cache/shelf}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}
[[ ! -d ${CARGO_HOME:-$HOME/.cargo}/bin ]] || PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH

say() { printf '%s\n' "$*" >&2; }
fail() { say "$(basename "$0"): $*"; exit 1; }

as_root() { if [[ $(id -u) = 0 ]]; then "$@"; else sudo "$@"; fi; }

# Brings the package lists up to date, once a script.
apt_lists() {
    [[ -z ${apt_listed:-} ]] || return 0
    command -v apt-get >/dev/null || fail "there is no apt-get here; install by hand: $*"
    as_root apt-get -qq -o DPkg::Lock::Timeout=300 update
    apt_listed=yes
}

# apt_has PACKAGE: whether apt can install it; asks the registry before it says no.
apt_has() { apt-cache show "$1" >/dev/null 2>&1 || { apt_lists "$1"; apt-cache show "$1" >/dev/null 2>&1; }; }

# need_apt WHY PACKAGE...: installs the packages that are missing.
need_apt() {
    local why=$1 package missing=()
    for package in "${@:2}"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -x installed >/dev/null || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]} ($why)"
    apt_lists "${missing[@]}"
    as_root env DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        install -y --no-install-recommends "${missing[@]}" >/dev/null
}

recent_cargo() {
    cargo --version 2>/dev/null | awk '{ split($2, v, "."); exit !(v[1] > 1 || v[2] >= 94) }'
}

# What it takes to build: a C++ compiler, cmake and libclang for llama.cpp, and Rust 1.94 or later.
need_build() {
    # ggml finds ccache by itself: what cargo compiles again for a changed feature somewhere then takes seconds, not minutes.
    need_apt "llama.cpp, which is 13 CPU minutes of C++" g++ make cmake libclang-dev ccache
    recent_cargo || PATH=/usr/lib/rust-1.97/bin:$PATH # where Ubuntu puts its numbered one
    recent_cargo && return
    if apt_has cargo-web; then
        need_apt "Rust, which Debian keeps recent for its browsers" cargo-web rustfmt-web rust-web-clippy ca-certificates
    elif apt_has cargo-1.97; then
        need_apt "Rust" cargo-1.97 rustfmt-1.97 rust-1.97-clippy ca-certificates
    fi
    recent_cargo || fail "Rust 1.94 or later is needed and apt has none here: install it from https://rustup.rs and run this again"
}
