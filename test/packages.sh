#!/usr/bin/env bash
# Installs the Debian packages that are missing, and says which; silent when there is nothing to do.
#
#   test/packages.sh [build] [server] [api] [test] [lint] [bench] [fuzz]      (all of them when none is named)
#
# The server's packages are those of PG_CONFIG's version, or of the distribution's own when there is none yet.
# No database cluster is created or started by it.
set -euo pipefail

# The major version, from a pg_config that runs, from its path, or empty: the distribution's.
server_version() {
    local pg_config=${PG_CONFIG:-pg_config} version
    if version=$("$pg_config" --version 2> /dev/null); then
        version=${version#* }
        echo "${version%%[!0-9]*}"
    elif [[ $pg_config =~ ^/usr/lib/postgresql/([0-9]+)/ ]]; then
        echo "${BASH_REMATCH[1]}"
    fi
}

# True for a server that was not installed from packages, so that packages are no help.
foreign_server() {
    local bindir
    bindir=$("${PG_CONFIG:-pg_config}" --bindir 2> /dev/null) && [[ $bindir != /usr/lib/postgresql/* ]]
}

packages_of() {
    local pg=postgresql-$2
    case $1 in
        build)
            echo g++ make libre2-dev nlohmann-json3-dev libxxhash-dev libutf8proc-dev libgeographiclib-dev \
                libcurl4-openssl-dev libbrotli-dev libsimdjson-dev libzstd-dev zlib1g-dev libicu-dev \
                "postgresql-server-dev-$2"
            ;;
        server) echo "$pg" "$pg-cron" ;;
        api) echo curl openssl python3 ;;
        test)
            echo cmake libgtest-dev "$pg-pgtap" libtap-parser-sourcehandler-pgtap-perl \
                libtest-json-schema-acceptance-perl
            ;;
        lint) echo clang-format clang-tidy shellcheck cmake libgtest-dev ;;
        bench) echo cmake libgtest-dev libbenchmark-dev ;;
        fuzz) echo clang libclang-rt-dev cmake ;;
        *) echo "packages.sh: unknown group $1" >&2; return 1 ;;
    esac
}

missing_of() {
    local group package
    for group in "${groups[@]}"; do
        for package in $(packages_of "$group" "$version"); do
            [[ $package != postgresql-* ]] || ! foreign_server || continue
            [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || echo "$package"
        done
    done | sort -u
}

# The packages of a server make it a cluster, and start it, unless a file says no; it goes away again at once.
no_cluster=/etc/postgresql-common/createcluster.d/pg_etl.conf

apt() {
    local log
    log=$(mktemp)
    if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -y -q -o DPkg::Lock::Timeout=300 "$@" < /dev/null > "$log" 2>&1; then
        tail -n 30 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

groups=("$@")
[ $# -gt 0 ] || groups=(build server api test lint bench fuzz)
version=$(server_version)
if ! command -v dpkg-query > /dev/null; then
    echo 'packages.sh: not a Debian system; here these packages are needed by other names:'
    for group in "${groups[@]}"; do packages_of "$group" "${version:-NN}"; done
    exit 0
fi
[ -z "$version" ] || [ -n "$(missing_of)" ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo > /dev/null || { echo "needs root or sudo to install $(missing_of | xargs)" >&2; exit 1; }
    as_root=(sudo)
fi
apt update
[ -n "$version" ] || version=$(apt-cache depends postgresql | sed -n 's/^ *Depends: postgresql-\([0-9]*\)$/\1/p')
mapfile -t missing < <(missing_of)
echo "installing ${missing[*]} …"
"${as_root[@]}" mkdir -p "${no_cluster%/*}"
echo "create_main_cluster = false" | "${as_root[@]}" tee "$no_cluster" > /dev/null
trap '"${as_root[@]}" rm -f "$no_cluster"' EXIT
apt install --no-install-recommends "${missing[@]}"
echo "installed, in $SECONDS s"
