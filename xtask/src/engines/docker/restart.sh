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
    pid=$(cat "$ENGINES/live/log.pid")
    kill -"$signal" "$pid"
    until_it ended "$pid"
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
pid=$(cat "$ENGINES/live/log.pid")
kill -KILL "$pid"
until_it ended "$pid"
kill -KILL $(cat "$ENGINES/doomed")
live
until_it sh -c 'docker inspect -f "{{.State.Status}}" stay1 stay2 | grep -c exited | grep 2'
docker inspect -f '{{.Name}} {{.State.ExitCode}}' stay1 stay2
docker ps -a --format '{{.Names}} {{.State}}' | sort
end_alone "$ENGINES/live"

# case: fifty are being started while the daemon is killed, and every one of them is accounted for
# alike: /load container .*: container does not exist/d
live() {
    dockerd_alone "$ENGINES/live" --live-restore
}
live
for i in $(seq 50); do
    docker run -d --name "many$i" --network none box sleep 1000 >/dev/null 2>&1 &
done
until_it sh -c '[ $(docker ps -q | wc -l) -ge 8 ]'
pid=$(cat "$ENGINES/live/log.pid")
kill -KILL "$pid"
until_it ended "$pid"
wait
live
for name in $(docker ps --format '{{.Names}}'); do docker exec "$name" true || echo "$name is said to run"; done
docker ps --all --quiet | xargs docker rm --force >/dev/null
# Docker does not remember those that it was about to start; the runtime does.
store=$ENGINES/live/exec/runtime-runc/moby
for id in $(runc --root "$store" list --quiet); do
    runc --root "$store" state "$id" >/dev/null
    runc --root "$store" delete --force "$id"
done
# A runc that was killed early leaves an empty place.
runc --version | grep -q ^brig || rm -rf "$store"/*
until_it sh -c '! grep -lx sleep /proc/[0-9]*/comm'
end_alone "$ENGINES/live"
