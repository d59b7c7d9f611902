# Docker: more processes in a running container.

# case: an exec's status, streams and order are its own
# machine
docker run -d --name one box sleep 1000 >/dev/null
docker exec one true
status docker exec one sh -c 'exit 12'
status docker exec one sh -c 'kill -9 $$'
echo in | docker exec -i one cat
docker exec one sh -c 'echo out; echo err >&2' 2>/dev/null
docker exec one sh -c 'echo out; echo err >&2' 2>&1 >/dev/null

# case: user, folder, environment and rights of an exec
docker run -d --name one -e A=1 box sleep 1000 >/dev/null
docker exec -u user -w /srv -e B=2 one sh -c 'id; pwd; env | sort'
docker exec -u 1234:4321 one id
docker exec -u user:extra one id
docker exec one facts process limits cgroup environment descriptors

# case: a privileged exec has all rights
# machine
has_all_capabilities || skip "our own capabilities are limited"
docker run -d --name one box sleep 1000 >/dev/null
docker exec --privileged one facts process
# Where there is AppArmor, the container's profile stays and denies this.
status docker exec --privileged one mount -t tmpfs tmpfs /srv

# case: an exec has a terminal of its own
docker run -d --name one box sleep 1000 >/dev/null
terminal 'stty rows 20 cols 70; docker exec -it one sh -c "tty; until stty size 2>&1 | grep 70; do sleep 0.1; done; test -t 0 && echo terminal"' </dev/null
keyboard 'docker exec -it one sh; echo status $?'
type_in '' '#'
type_in 'echo typed\r' '^typed'
type_in 'exit 8\r' '^status'
screen

# case: a detached exec goes on by itself
docker run -d --name one box sleep 1000 >/dev/null
docker exec -d one sh -c 'echo done >/tmp/done; sleep 500'
until_it docker exec one test -s /tmp/done
docker exec one cat /tmp/done
docker top one -o pid,args | sed -E 's/^[0-9]+ +//'
docker inspect -f '{{len .ExecIDs}}' one

# case: an exec into one that has ended is refused
docker run --name one box true
status docker exec one true
status docker exec nosuch true

# case: execs end with their container
docker run -d --name one box sleep 1000 >/dev/null
(status docker exec one sleep 1000 >"$ENGINES/ended" 2>&1) &
until_it docker exec one sh -c 'grep -c sleep /proc/[0-9]*/comm | grep :1 | wc -l | grep 2'
docker kill one
wait
cat "$ENGINES/ended"

# case: twenty execs at once
# machine
docker run -d --name one box sleep 1000 >/dev/null
for i in $(seq 20); do
    docker exec one sh -c "exit $i" || echo "status $?" >"$ENGINES/exec.$i" &
done
wait
for i in $(seq 20); do cat "$ENGINES/exec.$i"; done

# case: an exec of a new container sees its mounts and its cgroup
docker run -d --name one --tmpfs /scratch:size=1m box sleep 1000 >/dev/null
docker exec one sh -c 'cut -d" " -f5,9 /proc/self/mountinfo | grep scratch; cat /proc/self/cgroup'
