# Shared by the launchers at the root: what the machine must have, and one build at a time. Sourced, not run.
# Expects $root, the folder of the checkout, and $me, the name of the launcher for its messages.
# shellcheck shell=bash disable=SC2154

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=false

say() { printf '%s: %s\n' "$me" "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

has() { command -v "$1" > /dev/null; }

# Debian keeps initdb and its kind outside of PATH, one folder per major version.
has_postgres() {
    { has psql && has pg_dump && has initdb; } || { has psql && compgen -G '/usr/lib/postgresql/*/bin/initdb' > /dev/null; }
}

need_dotnet() {
    has dotnet || fail '.NET is missing. Install the .NET SDK 10 from https://dot.net (Ubuntu: apt-get install dotnet-sdk-10.0).'
}

need_sdk() {
    need_dotnet
    (cd "$root" && dotnet --version > /dev/null 2>&1) ||
        fail 'there is a dotnet, but no .NET SDK 10. Install it from https://dot.net (Ubuntu: apt-get install dotnet-sdk-10.0).'
}

# Installs the Debian packages behind the commands that are missing: need_tools zstd:zstd gpg:gnupg postgres:postgresql
need_tools() {
    local pair missing=()
    for pair in "$@"; do
        if [[ ${pair%%:*} == postgres ]]; then has_postgres; else has "${pair%%:*}"; fi || missing+=("${pair#*:}")
    done
    if ((${#missing[@]} == 0)); then return; fi
    if [[ $EUID -ne 0 ]] || ! has apt-get; then
        fail "missing on this machine: ${missing[*]}. Install them (Debian, Ubuntu: sudo apt-get install ${missing[*]}) and start again."
    fi
    say "installing ${missing[*]} …"
    install_packages "${missing[@]}" || fail "apt-get could not install ${missing[*]}; its messages are above."
}

# Debian's server package makes and starts a cluster of its own; throw-away clusters are all that is needed here.
install_packages() {
    local settings=/etc/postgresql-common/createcluster.d log status=0
    log=$(mktemp)
    if [[ " $* " == *' postgresql '* && ! -e $settings/backup-launcher.conf ]]; then
        mkdir -p "$settings"
        echo 'create_main_cluster = false' > "$settings/backup-launcher.conf"
    fi
    {
        apt-get -qq update &&
            DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@"
    } > "$log" 2>&1 < /dev/null || status=$?
    rm -f "$settings/backup-launcher.conf"
    if ((status != 0)); then tail -n 30 "$log" >&2; fi
    rm -f "$log"
    return "$status"
}

# Anything that the command is built from and that is newer than its last build. Folders count: a file may have gone.
sources_changed() {
    [[ ! -e $root/artifacts/bin/Cli/release/Backup.Cli.dll || ! -e $root/artifacts/backup.stamp ]] ||
        [[ -n $(find "$root"/functions/{Core,Cli} "$root"/Directory.* "$root"/{global.json,BannedSymbols.txt,.editorconfig} \
            -newer "$root/artifacts/backup.stamp" -print -quit) ]]
}

# Runs a build command in the root, alone, and prints what it says only when it fails. The build servers that outlive a
# build would keep the lock, hence 9>&-.
build() {
    local log status=0 start=$root/artifacts/backup.stamp.$$
    log=$(mktemp)
    touch "$start"
    (cd "$root" && "$@") > "$log" 2>&1 < /dev/null 9>&- || status=$?
    if ((status == 0)); then mv -f "$start" "$root/artifacts/backup.stamp"; else cat "$log" >&2; fi
    rm -f "$log" "$start"
    return "$status"
}

# Only one build at a time in this checkout; unlock_builds before anything that lives on.
lock_builds() {
    mkdir -p "$root/artifacts" 2> /dev/null || true
    [[ -w $root/artifacts ]] || fail "the sources are newer than the build, and $root/artifacts is not yours to write; let its owner run ./backup --version once."
    exec 9> "$root/artifacts/backup.lock"
    if has flock; then flock 9; fi
}

unlock_builds() { exec 9>&-; }
