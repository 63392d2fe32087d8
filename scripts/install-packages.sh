#!/bin/bash
# Installs Debian's packages, and that alone: no service of theirs is started, no PostgreSQL cluster made. Run as root, by
# scripts/install.sh.
#
#   scripts/install-packages.sh / PACKAGE...    / is where the files go that tell Debian so
#
# In a package's name VERSION is that of the PostgreSQL which Debian offers. The files go when apt has ended, however this script did.
set -euo pipefail
umask 022
root=${1%/}
shift
policy=$root/usr/sbin/policy-rc.d
clusters=$root/etc/postgresql-common/createcluster.d
mark='of convo-tenancy, while it installs packages'

exec 9<"${policy%/*}"
flock 9 # of two at once, the second waits

files=("$clusters/convo-tenancy.conf")
if [[ ! -e $policy ]] || grep -q "$mark" "$policy"; then files+=("$policy"); fi # somebody else's stays
disabled=() # packages that Debian would start at each boot
for package in "$@"; do
    case $package in pgbouncer | prometheus) disabled+=("$package") ;; esac
done

# In a session of its own this outlives the script, and waits until nobody holds the lock: neither the script nor apt, which goes on
# when the script is killed.
setsid flock "${policy%/*}" bash 9<&- >/dev/null 2>&1 <<CLEANUP &
$(declare -p files clusters disabled)
rm -f "\${files[@]}"
rmdir -p --ignore-fail-on-non-empty "\$clusters"
for service in "\${disabled[@]}"; do update-rc.d "\$service" disable; done
CLEANUP
waiting=$!

mkdir -p "$clusters"
for file in "${files[@]}"; do
    case $file in
        *.conf) echo 'create_main_cluster = false' ;;
        *) printf '#!/bin/sh\n# %s\nexit 101\n' "$mark" ;;
    esac >"$file"
    chmod 755 "$file"
done
rc=0
install() { # install PACKAGE...
    local version=
    if [[ $* == *VERSION* ]]; then
        version=$(apt-cache depends postgresql | sed -n 's/^ *Depends: postgresql-\([0-9]*\)$/\1/p')
        [[ -n $version ]] || { echo 'apt offers no package postgresql' >&2 && return 1; }
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -qy -o DPkg::Lock::Timeout=120 --no-install-recommends "${@//VERSION/$version}"
}
{ apt-get update -q && install "$@"; } || rc=$?
exec 9<&-
wait "$waiting"
exit "$rc"
