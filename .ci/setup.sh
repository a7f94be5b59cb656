# .ci/setup.sh - what ./run, ./check and ./bench share: set-up, builds, and how they speak.
# Sourced, not run. The caller has set `root` to the top folder of the source tree.
#
# Everything here may be repeated: what is there already is neither installed nor built again.

export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
logs=$root/build/logs

PACKAGES_TO_BUILD="build-essential cmake ninja-build pkg-config clang clang-format llvm
    libclang-rt-14-dev libpaho-mqtt-dev mosquitto mosquitto-clients libsqlite3-dev sqlite3
    libsqlite3-mod-spatialite libwebsockets-dev libcmocka-dev libcjson-dev libxxhash-dev
    libsodium-dev libcurl4-openssl-dev libssl-dev zlib1g-dev libgps-dev libgeos-dev libqrencode-dev
    python3 curl openssl tzdata ca-certificates procps"
PACKAGES_TO_CHECK="git chromium valgrind strace libfiu-dev fiu-utils faketime"
# Elsewhere than on ARM, the code for ARM is tested under an emulator.
if [ "$(uname -m)" = x86_64 ]; then
    PACKAGES_TO_CHECK="$PACKAGES_TO_CHECK qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
fi
PACKAGES_TO_BENCH="linux-perf gnuplot-nox"
NODE_MAJOR_MIN=18

# --- speaking -----------------------------------------------------------------------------------

say() {
    printf '%s\n' "$*"
}

die() {
    printf '\n%s: %s\n' "${0##*/}" "$1" >&2
    shift
    local line
    for line in "$@"; do
        printf '  %s\n' "$line" >&2
    done
    exit 1
}

duration() {
    if [ "$1" -ge 60 ]; then
        printf '%d min %d s' $(($1 / 60)) $(($1 % 60))
    else
        printf '%d s' "$1"
    fi
}

# What root has built, a user cannot build again; the compiler's words for that are hard to read.
own_build_folder() {
    local folder
    mkdir -p "$logs" 2>/dev/null
    for folder in "$root" "$root"/build "$root"/build/*/; do
        [ -w "$folder" ] || die "cannot write into $folder" \
            "It belongs to $(stat -c %U "$folder" 2>/dev/null || echo 'another user')." \
            "Run this as that user, or as root: chown -R $(id -un) '$root'"
    done
}

# try "What happens" LOGNAME COMMAND...: one line of progress; the output goes to build/logs.
try() {
    local what=$1 log=$logs/$2.log started=$SECONDS
    shift 2
    rm -f "$log"
    own_build_folder
    printf '%s ... ' "$what"
    if "$@" >"$log" 2>&1 </dev/null; then
        printf 'done (%s)\n' "$(duration $((SECONDS - started)))"
        return 0
    fi
    printf 'FAILED\n'
    return 1
}

# explain LOGNAME ADVICE...: the end of a failed step's log, where all of it is, what to do.
explain() {
    local log=$logs/$1.log
    shift
    say "  From the end of ${log#"$root"/}:"
    # CMake goes on talking after its error; what stands before it helps nobody.
    { sed -n '/^CMake Error/,$p' "$log" | grep . || tail -n 25 "$log"; } | head -n 25 |
        sed 's/^/  | /'
    [ $# -eq 0 ] || printf '  %s\n' "$@"
}

# must "What happens" LOGNAME "What to do" COMMAND...: a step without which nothing goes on.
must() {
    local what=$1 name=$2 advice=$3
    shift 3
    try "$what" "$name" "$@" || {
        explain "$name" "$advice" >&2
        die "the step \"$what\" failed; see above."
    }
}

# --- packages -----------------------------------------------------------------------------------

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# The packages among $@ that are not installed.
missing_packages() {
    local installed name
    installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' "$@" 2>/dev/null)"
    for name in "$@"; do
        case $installed in
        *" installed:$name "*) ;;
        *) printf '%s ' "$name" ;;
        esac
    done
}

# Debian starts a mosquitto on port 1883 when its package is installed. Nobody asked for that one:
# hedgerowd runs its own. So it is kept from starting, now and at the next boot, but only if it is
# this script that brings it in; a broker that was there before stays as it was.
# What an earlier, interrupted installation left half done is done again (--reinstall).
# A subshell, so that its trap takes the guard away even when Ctrl-C ends it.
install_packages() (
    guard=/usr/sbin/policy-rc.d
    apt="env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qy"
    install="install --reinstall --no-install-recommends"
    as_root dpkg --configure -a
    as_root $apt update || exit 1
    case " $* " in
    *" mosquitto "*) ;;
    *)
        as_root $apt $install "$@"
        exit
        ;;
    esac
    if [ ! -e $guard ]; then
        trap 'as_root rm -f $guard' EXIT
        printf '#!/bin/sh\n[ "$1" != mosquitto ] || exit 101\n' | as_root tee $guard >/dev/null
        as_root chmod 755 $guard
    fi
    as_root $apt $install "$@" || exit 1
    if command -v systemctl >/dev/null; then
        as_root systemctl disable mosquitto || true
    fi
)

# need_packages NAME...: asks for a password only when something is missing and we are not root.
need_packages() {
    local missing
    if ! command -v dpkg-query >/dev/null; then
        say "This is not a Debian: set-up by apt is left out. Needed are:" $*
        return
    fi
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    say "Missing packages: $missing"
    if [ "$(id -u)" -ne 0 ]; then
        { command -v sudo >/dev/null && sudo -v; } ||
            die "packages are missing, and this user may not install them (no root, no sudo)." \
                "As root, run: apt-get update" \
                "              apt-get install --no-install-recommends $missing" \
                "Then run this again."
    fi
    must "Installing $(set -- $missing; echo $#) packages (apt)" apt \
        "Is the network there, and is the disk full? Mend that, then run this again." \
        install_packages $missing
    missing=$(missing_packages "$@")
    [ -z "$missing" ] || die "apt said yes, but these are still missing: $missing"
}

# --- the dashboard's npm packages ----------------------------------------------------------------

node_is_good() {
    command -v npm >/dev/null && command -v node >/dev/null || return 1
    local version
    version=$(node --version 2>/dev/null) && version=${version#v}
    [ "${version%%.*}" -ge $NODE_MAJOR_MIN ] 2>/dev/null
}

# A node that the user has from elsewhere is used; Debian's comes only where there is none.
node_packages() {
    [ ! -f "$root/dashboard/package-lock.json" ] || node_is_good || printf 'nodejs npm'
}

# need_npm FOLDER WHAT: the packages are fetched again only when the lock file changed.
need_npm() {
    local folder=$root/$1
    local lock=$folder/package-lock.json
    local stamp=$folder/node_modules/.hedgerow-lock
    [ -f "$lock" ] || return 0
    cmp -s "$lock" "$stamp" && return 0
    must "Fetching $2 (npm)" "npm-${1##*/}" "Is the network there? Then run this again." \
        npm --prefix "$folder" ci --no-audit --no-fund
    mkdir -p "${stamp%/*}" && cp "$lock" "$stamp"
}

need_dashboard() {
    need_npm dashboard "the dashboard's packages"
}

# Clients of others, by which the API is tested.
need_clients() {
    need_npm tests/api/clients "the packages of the API's tests"
}

# The page is bundled again only when something in it is newer than the bundle.
build_dashboard() {
    local folder=$root/dashboard
    [ -d "$folder/src" ] || return 0
    if [ -f "$folder/dist/app.js" ] && [ -z "$(find "$folder/src" "$folder/static" \
        "$folder/build.mjs" "$folder/package-lock.json" -newer "$folder/dist/app.js")" ]; then
        return 0
    fi
    try "Bundling the dashboard" dashboard npm --prefix "$folder" run --silent build && return 0
    explain dashboard "If nothing was changed here: rm -rf dashboard/node_modules, run this again."
    return 1
}

# --- building -----------------------------------------------------------------------------------

# configure PRESET: only when it was not, or when presets or the place of the tree changed.
configure() {
    local preset=$1 folder=$root/build/$1
    if [ -f "$folder/build.ninja" ] && [ "$folder/build.ninja" -nt "$root/CMakePresets.json" ] &&
        grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$folder/CMakeCache.txt"; then
        return 0
    fi
    rm -rf "$folder"
    if command -v ccache >/dev/null; then
        export CMAKE_C_COMPILER_LAUNCHER=ccache
    fi
    try "Configuring ($preset)" "configure-$preset" cmake -S "$root" --preset "$preset"
}

# build PRESET [TARGET...]: configures if need be, and brings the targets up to date.
build() {
    local preset=$1
    shift
    if ! configure "$preset"; then
        explain "configure-$preset" "The first error above says what is missing or wrong."
        return 1
    fi
    if ! try "Building ($preset)" "build-$preset" \
        cmake --build "$root/build/$preset" ${1:+--target} "$@"; then
        # The compiler's first complaints say more than the end of a parallel build's output.
        if grep -m 6 -E ':[0-9]+: (fatal )?error: |undefined reference|No space left' \
            "$logs/build-$preset.log" | sed 's/^/  | /' | grep .; then
            say "  All of it: build/logs/build-$preset.log"
        else
            explain "build-$preset"
        fi
        say "  Mend the first error above, then run this again."
        say "  If nothing was changed here: rm -rf build/$preset and run this again."
        return 1
    fi
}
