#!/bin/sh
# Makes a small Debian, installs Uptake in it as README.md says, and tries the units under its systemd.
#   sudo deploy/systemd/try-in-container.sh [FOLDER [PYTEST ARGUMENT…]]
# Needs debootstrap, systemd-container and `make env`. A second call keeps the Debian and renews Uptake.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
root=${1:-/var/tmp/uptake-systemd}
[ $# -eq 0 ] || shift
python=${PYTHON:-$here/.venv/bin/python}

[ "$(id -u)" -eq 0 ] || { echo "This needs root: sudo $0" >&2; exit 2; }
for tool in debootstrap systemd-nspawn; do
    command -v "$tool" >/dev/null || { echo "$tool is missing; on Debian: apt install debootstrap systemd-container" >&2; exit 2; }
done
"$python" -c 'import pytest' || { echo "There are no tests in $python: call make env, or set PYTHON" >&2; exit 2; }

if [ ! -e "$root/.made" ]; then
    echo "Debian into $root …"
    debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,python3,python3-venv,ca-certificates bookworm "$root" >"$root.log" ||
        { tail -5 "$root.log" >&2; exit 1; }
    touch "$root/.made"
fi
certificates=/etc/ssl/certs/ca-certificates.crt
[ ! -e $certificates ] || cp $certificates "$root$certificates"  # a company's own too

echo "Uptake into $root/opt/uptake …"
"$python" - "$here/deploy/systemd/README.md" install <<'PYTHON' >"$root/install.sh"
import re, sys
name = re.escape(sys.argv[2])
print("set -eu\nsudo() { \"$@\"; }")
print(re.search(rf"<!-- tried: {name} -->\n```sh\n(.*?)```", open(sys.argv[1]).read(), re.DOTALL)[1])
PYTHON
# The package itself is taken anew even where its version is the same.
echo '/opt/uptake/bin/uv pip install --quiet --compile-bytecode --python /opt/uptake/bin/python --no-deps --reinstall-package uptake .' >>"$root/install.sh"
systemd-nspawn --quiet -D "$root" --register=no --keep-unit --pipe --resolv-conf=copy-host --bind-ro="$here:/src/uptake" --chdir=/src/uptake \
    --setenv=SSL_CERT_FILE=$certificates --setenv=PIP_CERT=$certificates sh /install.sh

cd "$here"
UPTAKE_SYSTEMD_ROOT=$root exec "$python" -m pytest -q -s -rs "${@:-tests/deploy/test_real_systemd.py}"
