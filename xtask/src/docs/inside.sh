# inside.sh COMMAND…: furnishes new namespaces as the machine of somebody who reads the docs, and runs COMMAND in them.
#
#   $DOCS      a folder that vanishes        $SOURCE    the workspace
#   $GROUP     the cgroup that all is in     $BRIG      the program that is the installed one
#   $ALL       1: with a clone and a toolchain for those who build
#   $CLONES    1: the page clones brig itself, and gets that clone
#   $CRIU      a folder with one that works here, or nothing
#   $PRELUDE, $IMAGES, $SYSTEMCTL    scripts
#
# What a page writes lands in overlays and vanishes with the mount namespace; its cgroups are below $GROUP, which looks
# like the root. `you` is an ordinary user.

hierarchies() { # type, place and options of each
    awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) ~ /^cgroup2?$/ && $5 ~ "^/sys/fs/cgroup") print $(i + 1), $5, $(i + 3) }' \
        /proc/self/mountinfo
}

if [ -z "${JOINED:-}" ]; then
    JOINED=$(hierarchies | sort -u)
    export JOINED
    echo "$JOINED" | while read -r _ place _; do
        mkdir -p "$place/$GROUP"
        for file in cpuset.cpus cpuset.mems; do
            [ ! -e "$place/$file" ] || cat "$place/$file" >"$place/$GROUP/$file"
        done
        # 0 is who writes: this loop is a process of its own, so its parent has to be named.
        echo "$$" >"$place/$GROUP/cgroup.procs"
    done
    exec unshare --cgroup --uts sh -euc "$INSIDE" sh "$@"
fi

hostname here
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p "$DOCS/source" "$DOCS/over" /run/lock
mount --rbind "$SOURCE" "$DOCS/source"
mount -o remount,bind,ro "$DOCS/source"
: >"$DOCS/xtask"
mount --bind "$1" "$DOCS/xtask"
shift
set -- "$DOCS/xtask" "$@"
cp "$BRIG" "$DOCS/brig"
echo "$PRELUDE" >"$DOCS/prelude.sh"
echo "$IMAGES" >"$DOCS/images.sh"
if [ -n "$CRIU" ]; then
    mkdir "$DOCS/criu"
    mount --bind "${CRIU%/bin}" "$DOCS/criu"
fi
if [ "$ALL" = 1 ]; then
    git -c safe.directory='*' clone --quiet "$SOURCE" "$DOCS/clone"
    git -C "$SOURCE" ls-files -z | tar -C "$SOURCE" -c --null -T - | tar -C "$DOCS/clone" -x
    git -C "$DOCS/clone" add --all
    git -C "$DOCS/clone" -c user.name=docs -c user.email=docs commit --quiet --allow-empty --message "as it is"
    mkdir -p "$DOCS/cargo" "$DOCS/toolchain"
    cp -a "${CARGO_HOME:-$HOME/.cargo}/registry" "$DOCS/cargo/registry"
    mount --bind "$(rustc --print sysroot)" "$DOCS/toolchain"
    mount -o remount,bind,ro "$DOCS/toolchain"
fi

links=$(find /sys/fs/cgroup -maxdepth 1 -type l -printf '%p %l\n')
mount -t sysfs sysfs /sys
echo "$JOINED" | {
    read -r type place _
    [ "$type $place" = "cgroup2 /sys/fs/cgroup" ] || mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
}
echo "$JOINED" | while read -r type place options; do
    mkdir -p "$place"
    case $type in
    cgroup) mount -t cgroup -o "${options#rw,}" none "$place" ;;
    cgroup2)
        mount -t cgroup2 none "$place"
        # Who is in the root would keep others from having controllers.
        mkdir "$place/shell"
        echo "$$" >"$place/shell/cgroup.procs"
        ;;
    esac
done
[ -z "$links" ] || echo "$links" | while read -r link target; do ln -s "$target" "$link"; done

for top in usr etc var opt srv; do
    mkdir -p "$DOCS/over/$top/upper" "$DOCS/over/$top/work"
    mount -t overlay -o "lowerdir=/$top,upperdir=$DOCS/over/$top/upper,workdir=$DOCS/over/$top/work" overlay "/$top"
done
mkdir -p /var/lib/docker /var/lib/containerd /var/lib/containers
for folder in /home /var/lib/docker /var/lib/containerd /var/lib/containers; do
    mount -t tmpfs -o mode=755 tmpfs "$folder"
done
for folder in /tmp /var/tmp /dev/shm; do
    mount -t tmpfs -o mode=1777 tmpfs "$folder"
done
mount -t tmpfs -o mode=700 tmpfs /root
ip link set lo up

echo "you:x:4711:4711::/home/you:/bin/bash" >>/etc/passwd
echo "you:x:4711:" >>/etc/group
echo you:500000:65536 >>/etc/subuid
echo you:500000:65536 >>/etc/subgid
mkdir -p /home/you /run/user/4711 "$DOCS/you" "$DOCS/root"
echo /root >"$DOCS/root/cwd"
echo /home/you >"$DOCS/you/cwd"
if [ "$ALL" = 1 ]; then
    mkdir -p /home/you/.cargo
    if [ "$CLONES" = 1 ]; then
        git config --system url."file://$DOCS/clone".insteadOf https://github.com/brig-containers/brig
        git config --system safe.directory '*'
    else
        mv "$DOCS/clone" /home/you/brig
    fi
    mv "$DOCS/cargo/registry" /home/you/.cargo/registry
else
    mkdir /home/you/brig
    mount --rbind "$DOCS/source" /home/you/brig
fi
chown -R --preserve-root 4711:4711 /run/user/4711 "$DOCS/you"
[ "$ALL" = 1 ] && chown -R 4711:4711 /home/you || chown 4711:4711 /home/you
chmod 700 /run/user/4711

mkdir -p /usr/local/bin /usr/local/sbin
cp "$DOCS/brig" /usr/local/bin/brig
echo "$SYSTEMCTL" >/usr/local/sbin/systemctl
chmod 755 /usr/local/sbin/systemctl
if [ -n "$CRIU" ]; then
    # It names its own folder.
    mkdir -p "${CRIU%/bin}"
    mount --bind "$DOCS/criu" "${CRIU%/bin}"
    ln -sf "$CRIU/criu" /usr/local/sbin/criu
fi

mount -t proc proc /proc
env --default-signal=INT,QUIT "$@" &
wait "$!"
