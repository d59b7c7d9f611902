# inside.sh COMMAND…: furnishes new namespaces and runs COMMAND in them. As the first process of a pid namespace it
# also reaps what others leave to it.
#
# All that an engine writes goes to /run or /etc, which are ours here, and vanishes with the mount namespace.
renew() { # renew TYPE FOLDER NAME…: a new file system on FOLDER, with these folders of the old one
    type=$1 folder=$2
    shift 2
    mount -t "$type" -o mode=755 "$type" /mnt 2>/dev/null || mount -t "$type" "$type" /mnt
    for name in "$@"; do
        [ -d "$folder/$name" ] || continue
        mkdir -p "/mnt/$name" 2>/dev/null || continue
        mount --rbind "$folder/$name" "/mnt/$name"
    done
    mount -n --move /mnt "$folder"
}
# What is of another network namespace in /sys misleads an engine. In a user namespace there can only be a new one where
# nothing hides a part of the old one.
renew sysfs /sys fs/cgroup kernel/security
# Where version 1 is mounted, the folder above the hierarchies would take what an engine makes beside them.
[ -e /sys/fs/cgroup/cgroup.controllers ] ||
    renew tmpfs /sys/fs/cgroup $(awk '$5 ~ "^/sys/fs/cgroup/[^/]*$" { print substr($5, 16) }' /proc/self/mountinfo | sort -u)
renew tmpfs /run dbus systemd user udev
mkdir -p /run/lock "$ENGINES/bin" "$ENGINES/home"
cp -a /etc "$ENGINES/etc"
mount --bind "$ENGINES/etc" /etc
ip link set lo up
if [ $$ != 1 ]; then
    exec "$@"
fi
mount -t proc proc /proc
env --default-signal=INT,QUIT "$@" &
wait "$!"
