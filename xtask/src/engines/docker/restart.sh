# Docker: many containers at once, and a daemon that goes away under them.

# case: fifty at once
# machine
for i in $(seq 50); do
    { docker run --rm --name "many$i" --network none box sh -c "echo $i; exit $i" || echo "status $?"; } >"$ENGINES/many.$i" 2>&1 &
done
wait
for i in $(seq 50); do paste -s "$ENGINES/many.$i"; done
docker ps -aq

# case: a daemon with live-restore is killed and stopped, and finds every container again
# machine
live() {
    dockerd_alone "$ENGINES/live" --live-restore
}
live
run() {
    docker run -d --network none "$@" >/dev/null
}
for i in $(seq 10); do
    run --name "stay$i" box sh -c 'while :; do echo tick; sleep 0.2; done' &
done
run --name waits box sh -c 'while [ ! -e /end ]; do sleep 0.1; done; exit 21'
run --name again --restart always box sh -c 'while [ ! -e /end ]; do sleep 0.1; done; rm /end; exit 22'
run --name paused box sleep 1000
wait
docker pause paused
pids() {
    docker inspect -f '{{.Name}} {{.State.Status}} {{.State.Pid}} {{.RestartCount}}' $(docker ps -q) | sort
}
pids >"$ENGINES/before"
for signal in KILL TERM; do
    kill_alone "$ENGINES/live" "$signal"
    live
    pids | diff "$ENGINES/before" - && echo "all of them after $signal"
done
docker exec stay3 echo exec
docker logs --tail 1 stay7
docker exec waits touch /end
docker wait waits
docker unpause paused
docker stop -t 0 paused
docker exec again touch /end
until_it sh -c 'docker inspect -f "{{.RestartCount}}" again | grep 1'
until_it docker exec again true

# Some end while nobody looks.
docker inspect -f '{{.State.Pid}}' stay1 stay2 >"$ENGINES/doomed"
kill_alone "$ENGINES/live" KILL
kill -KILL $(cat "$ENGINES/doomed")
live
until_it sh -c 'docker inspect -f "{{.State.Status}}" stay1 stay2 | grep -c exited | grep 2'
docker inspect -f '{{.Name}} {{.State.ExitCode}}' stay1 stay2
docker ps -a --format '{{.Names}} {{.State}}' | sort
end_alone "$ENGINES/live"

# case: fifty are being started while the daemon is killed, and every one of them is accounted for
# machine
# What Docker says of one of which nobody was told that it had started.
# alike: /load container .*: container does not exist/d
live() {
    dockerd_alone "$ENGINES/live" --live-restore
}
live
mkdir "$ENGINES/told"
for i in $(seq 50); do
    { ! docker run -d --name "many$i" --network none box sleep 1000 >/dev/null 2>&1 || : >"$ENGINES/told/many$i"; } &
done
until_it sh -c '[ $(docker ps -q | wc -l) -ge 8 ]'
kill_alone "$ENGINES/live" KILL
wait
live
# Whose start was told runs on, and whom Docker says to run does.
docker ps --format '{{.Names}}' >"$ENGINES/said"
for name in $(ls "$ENGINES/told"); do grep -qx "$name" "$ENGINES/said" || echo "$name was started, and is not there"; done
for name in $(cat "$ENGINES/said"); do
    { docker exec "$name" true || echo "$name is said to run, and does not"; } &
done
wait
docker ps --all --quiet | xargs -n 1 -P 10 docker rm --force >/dev/null
# Of those that it was about to start Docker may know nothing. The runtime does, and removes them.
store=$ENGINES/live/exec/runtime-runc/moby
for id in $(runc --root "$store" list --quiet); do
    runc --root "$store" state "$id" >/dev/null
    runc --root "$store" delete --force "$id"
done
# A runc that was killed early leaves an empty place.
runc --version | grep -q ^brig || rm -rf "$store"/*
until_it sh -c '! grep -lx sleep /proc/[0-9]*/comm'
rm -r "$ENGINES/told"
end_alone "$ENGINES/live"
