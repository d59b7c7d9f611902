# keeper.sh COMMAND…: runs COMMAND where nothing of it reaches the host, until it ends or standard input does, and
# removes what is left. Runs on the host, in a process group of its own.
#
# GROUP names the cgroups that may be made; INSIDE is inside.sh. Where systemd manages the cgroups it has to understand
# the numbers of our processes, so there is no pid namespace, and it ends what is left; but where DOCS says that nobody inside
# talks to it.
exec 3<&0 </dev/null
if [ -d /run/systemd/system ] && [ -z "${DOCS:-}" ]; then
    # What a session mounts later would not be seen inside.
    [ -z "${BRIG_TEST_SESSION:-}" ] || systemctl start "user@$(id -u "$BRIG_TEST_SESSION").service"
    systemd-run --quiet --collect --scope --unit="$GROUP" --slice="$GROUP" \
        unshare --mount --net sh -euc "$INSIDE" sh "$@" &
else
    # A shell starts what it does not wait for with SIGINT ignored, and containers would inherit that.
    env --default-signal=INT,QUIT unshare --mount --net --pid --fork --kill-child=KILL sh -euc "$INSIDE" sh "$@" &
fi
child=$!
{ read -r _ <&3 || true; kill -KILL "$child"; } &
watcher=$!
status=0
wait "$child" || status=$?
kill -KILL "$watcher" 2>/dev/null || true

if [ -d /run/systemd/system ] && [ -z "${DOCS:-}" ]; then
    systemctl kill --signal=KILL "$GROUP.slice" 2>/dev/null || true
    systemctl stop "$GROUP.slice" || true
    exit "$status"
fi
left=0
for _ in $(seq 100); do
    left=0
    for top in "/sys/fs/cgroup/$GROUP" /sys/fs/cgroup/*/"$GROUP"; do
        # Who is frozen in version 1 does not even die.
        [ ! -d "$top" ] || find "$top" -name freezer.state -exec sh -c 'echo THAWED >"$1"' sh {} \; 2>/dev/null || true
        [ ! -d "$top" ] || find "$top" -depth -type d -exec rmdir {} + 2>/dev/null || left=1
    done
    [ "$left" = 1 ] || break
    sleep 0.1
done
[ "$left" = 0 ] || { echo "xtask: cgroups named $GROUP are left" >&2; exit 1; }
exit "$status"
