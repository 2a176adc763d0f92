#!/usr/bin/env bash
# Runs the suite on other releases of Debian, each a bare machine of its own with nothing but git and make: PostgreSQL
# 17 comes with trixie, 18 with sid, 15 with bookworm. Takes minutes and needs root, so `make test` leaves it alone.
#
#   test/versions.sh [bookworm] [trixie] [sid]      (trixie and sid when none is named)
#
# COMMAND is what runs there, in a copy of this tree below /root (default: make test). VERSIONS_DIR keeps the bases of
# the machines for the next time (default: /var/tmp/pg_etl-versions). Packages come from where this machine's come from.
set -euo pipefail

top=$(cd "$(dirname "$0")/.." && pwd)
dir=${VERSIONS_DIR:-/var/tmp/pg_etl-versions}
command=${COMMAND:-make test}
home=root # mode 0700, which the server may not enter

# The first archive of Debian itself in apt's sources, old form or new.
mirror() {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2> /dev/null |
        sed -nE 's|^(deb .*\b\|URIs: *)(https?://[^ ]*/debian)/?( .*)?$|\2|p' | head -n 1
}

base() {
    local release=$1
    [ ! -e "$dir/$release.tar" ] || return 0
    echo "$release: making the base of the machine"
    rm -rf "${dir:?}/$release"
    debootstrap --variant=minbase --include=git,make,ca-certificates "$release" "$dir/$release" "$(mirror)" \
        > "$dir/$release.log" 2>&1 || { tail "$dir/$release.log"; return 1; }
    tar -C "$dir/$release" -cf "$dir/$release.tar.new" .
    mv "$dir/$release.tar.new" "$dir/$release.tar"
}

# A fresh machine from the base, with the tree as git sees it (what is not committed yet comes too).
machine() {
    local root=$dir/$1
    rm -rf "$root"
    mkdir -p "$root"
    tar -C "$root" -xf "$dir/$1.tar"
    cp /etc/resolv.conf "$root/etc/"
    echo 'Acquire::Check-Valid-Until "false";' > "$root/etc/apt/apt.conf.d/90versions"
    apt-config dump | grep -E '^Acquire::https?::Proxy ' >> "$root/etc/apt/apt.conf.d/90versions" || true
    mkdir "$root/$home/pg_etl"
    git -C "$top" ls-files -z --cached --others --exclude-standard |
        tar -C "$top" --null --files-from=- --ignore-failed-read -cf - | tar -C "$root/$home/pg_etl" -xf -
}

# Mounts are seen inside only, and gone with the last process there.
run_inside() {
    local root=$dir/$1
    # shellcheck disable=SC2016  # expanded inside
    unshare --mount --pid --fork bash -c '
        mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" &&
            exec chroot "$1" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb \
                ${http_proxy:+http_proxy="$http_proxy"} bash -c "cd ~/pg_etl && $2"' - "$root" "$command"
}

[ "$(id -u)" = 0 ] || { echo 'versions.sh needs root' >&2; exit 1; }
command -v debootstrap > /dev/null || { echo 'versions.sh needs debootstrap: apt-get install debootstrap' >&2; exit 1; }
[ $# -gt 0 ] || set -- trixie sid
mkdir -p "$dir"
failed=()
for release in "$@"; do
    base "$release"
    machine "$release"
    echo "$release: $command"
    run_inside "$release" || failed+=("$release")
    rm -rf "${dir:?}/$release"
done
[ ${#failed[@]} = 0 ] || { echo "FAILED on ${failed[*]}"; exit 1; }
echo "PASSED on $*"
