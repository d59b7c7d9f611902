# prelude.sh: what every script of every engine may call. It runs under `set -eu`, in folder $ENGINES.
#
#   $ENGINES    a folder that vanishes        $GROUP      the cgroup below which the engine makes its own
#   $PATIENCE   how many times longer than usual one waits here

# skip REASON: this case cannot be run here.
skip() {
    echo "SKIPPED: $*"
    exit 77
}

# status COMMAND…: runs what may fail, and prints its exit status.
status() {
    code=0
    "$@" || code=$?
    echo "status $code"
}

# until_it COMMAND…: waits until COMMAND succeeds.
until_it() {
    for _ in $(seq $((100 * PATIENCE))); do
        ! "$@" >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    echo "never succeeded: $*"
    return 1
}

# spawn LOG COMMAND…: starts a daemon, for which `wait` does not wait; its process id is in LOG.pid.
spawn() {
    log=$1
    shift
    (
        env --default-signal=INT,QUIT "$@" >>"$log" 2>&1 </dev/null &
        echo "$!" >"$log.pid"
    )
}

# ended PID: whether this process is gone.
ended() {
    ! kill -0 "$1" 2>/dev/null
}

# end LOG: ends the daemon whose log is LOG, and waits.
end() {
    [ -e "$1.pid" ] || return 0
    pid=$(cat "$1.pid")
    kill -TERM "$pid" 2>/dev/null || true
    until_it ended "$pid" || kill -KILL "$pid"
    rm "$1.pid"
}

# terminal COMMAND: runs a line of shell on a terminal of its own, that gets our standard input.
terminal() {
    socat -t "$((5 * PATIENCE))" - "EXEC:\"sh -c '$1'\",pty,setsid,ctty,stderr,rawer"
}

# keyboard COMMAND: as terminal, but in the background: `type_in` types there and waits for an answer.
keyboard() {
    rm -f keys
    mkfifo keys
    : >screen
    terminal "$1" <keys >screen 2>&1 &
    exec 3>keys
}

# type_in TEXT PATTERN: types TEXT and waits until the screen has a line that matches PATTERN.
type_in() {
    printf "$1" >&3
    until_it grep -E "$2" screen
}

# screen: what is on it after the end, without what moves the cursor.
screen() {
    exec 3>&-
    wait
    tr -d '\r' <screen | sed 's/\x1b\[[0-9;]*[A-Za-z]//g'
}

# has_systemd: whether systemd manages the cgroups of this machine.
has_systemd() {
    [ -d /run/systemd/system ]
}

# has_session: whether there is an ordinary user with a systemd of his own.
has_session() {
    [ -n "${BRIG_TEST_SESSION:-}" ]
}

# has_cgroup_v2: whether there is nothing but cgroup v2.
has_cgroup_v2() {
    [ -e /sys/fs/cgroup/cgroup.controllers ]
}

# has_controller NAME: whether containers can be given this controller of cgroup v2.
has_controller() {
    ! has_cgroup_v2 || grep -qw "$1" /sys/fs/cgroup/cgroup.controllers
}

# on_first_processor: the words that keep a container there, where that can be.
on_first_processor() {
    ! has_controller cpuset || echo --cpuset-cpus 0
}

# has_addresses: whether the kernel translates addresses of packets, with which an engine publishes ports.
has_addresses() {
    iptables -t nat -N brig_asks 2>/dev/null && iptables -t nat -X brig_asks
}

# has_all_capabilities: whether our user has everything that the kernel knows, which an older runc wants.
has_all_capabilities() {
    last=$(cat /proc/sys/kernel/cap_last_cap)
    grep -q "^CapBnd:.*$(printf %x $(((1 << (last + 1)) - 1)))" /proc/self/status
}

# make_root FOLDER: the root file system of our image: busybox, its links, a user, a few folders, and `facts`.
make_root() {
    mkdir -p "$1/bin" "$1/etc" "$1/proc" "$1/sys" "$1/dev" "$1/tmp" "$1/home/user" "$1/srv"
    chmod 1777 "$1/tmp"
    cp "$(command -v busybox)" "$1/bin/busybox"
    "$1/bin/busybox" --list | while read -r name; do
        [ "$name" = busybox ] || ln -s busybox "$1/bin/$name"
    done
    printf 'root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n' >"$1/etc/passwd"
    printf 'root:x:0:\nuser:x:1000:\nextra:x:2000:user\n' >"$1/etc/group"
    chown 1000:1000 "$1/home/user"
    echo text >"$1/srv/file"
    cat >"$1/bin/facts" <<'FACTS'
#!/bin/sh
# facts WHAT...: what a process of the container sees, without what differs from run to run.
for what in "$@"; do
    echo "$what:"
    case $what in
    process) grep -E '^(Umask|Uid|Gid|Groups|Sig[BIC]|Cap|NoNew|Seccomp|Specul)' /proc/self/status ;;
    limits) sed 's/  */ /g' /proc/self/limits ;;
    mounts) cut -d' ' -f4- /proc/self/mountinfo | sed -E 's/(lowerdir|upperdir|workdir|inode64|size|nr_inodes)[^ ,]*,?//g' ;;
    devices) find /dev -path '/dev/*' | sort | xargs stat -c '%A %u:%g %t:%T %N' ;;
    masked) cat /proc/keys /proc/timer_list /sys/firmware/nosuch 2>&1 | wc -l ;;
    environment) env | sort ;;
    descriptors) ls -l /proc/self/fd/ 2>/dev/null | sed -nE 's/.* ([0-9]+ -> [^0-9]*)[0-9]*/\1/p' | grep -v /proc ;;
    names) hostname; cat /etc/hostname ;;
    cgroup) cat /proc/self/cgroup ;;
    *) cat "$what" ;;
    esac
done
FACTS
    chmod 755 "$1/bin/facts"
}
