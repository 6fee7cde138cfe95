# uml.sh PEERS DIRECTORY COMMAND... - runs a command as root in the user-mode
# Linux that is unpacked below PEERS: a kernel with loop devices and quotas, as a
# process that ends with us. It has the same files as this system, but for /run,
# which is memory, and the place for temporary files. Prints what the command
# printed; its exit status, or 70 and the kernel's last words if it did not come
# so far. DIRECTORY is new.
# shellcheck shell=sh
set -u
peers=$1 place=$2
shift 2
mkdir "$place" || exit 70
cat >"$place/init" <<END
#!/bin/sh
PATH='$PATH' B='$B' TMPDIR=/run
export PATH B TMPDIR
cd '$PWD'
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
cd '$peers/usr/lib/uml/modules/'*/kernel
python3 - fs/quota/quota_tree.ko fs/quota/quota_v2.ko drivers/block/loop.ko <<'PY'
import ctypes, sys
for name in sys.argv[1:]:
    with open(name, "rb") as f:
        module = f.read()
    ctypes.CDLL(None).init_module(module, ctypes.c_ulong(len(module)), b"")
PY
cd '$PWD'
$* >'$place/out' 2>&1
echo \$? >'$place/status'
python3 -c 'import ctypes; ctypes.CDLL(None).reboot(0x4321fedc)' # off
END
chmod +x "$place/init"
"$peers/usr/bin/linux.uml" mem=256M root=/dev/root rootfstype=hostfs \
	rootflags=/ rw init="$place/init" uml_dir="$place/" con=null \
	con0=null,fd:1 quiet </dev/null >"$place/said" 2>&1
if [ ! -s "$place/status" ]; then
	tail -n 3 "$place/said"
	exit 70
fi
cat "$place/out"
exit "$(cat "$place/status")"
