# inside.sh COMMAND…: furnishes new namespaces and runs COMMAND in them. PLACE=v2: with cgroup v2 alone.
# All that brig writes goes to $FAULTS, which vanishes with the mount namespace.
# systemd, where there is one, can still be asked for units.
[ ! -e /run/systemd/private ] || mount --bind /run /mnt
mount -t tmpfs -o mode=755 tmpfs /run
for folder in systemd dbus; do
    [ ! -d "/mnt/$folder" ] || { mkdir "/run/$folder" && mount --bind "/mnt/$folder" "/run/$folder"; }
done
[ ! -e /run/systemd/private ] || umount /mnt
mkdir -p "$FAULTS"
ip link set lo up
if [ "$PLACE" = v2 ] && [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
    umount -R /sys/fs/cgroup 2>/dev/null || true
    mount -t cgroup2 none /sys/fs/cgroup
fi
if [ $$ != 1 ]; then
    exec "$@"
fi
mount -t proc proc /proc
env --default-signal=INT,QUIT "$@" &
wait "$!"
