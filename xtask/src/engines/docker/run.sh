# Docker: containers that come and go, and what their processes see.

# case: a command's exit status is docker's
docker run --rm box true
status docker run --rm box false
status docker run --rm box sh -c 'exit 42'
status docker run --rm box sh -c 'kill -TERM $$; kill -KILL $$'
status docker run --rm --init box sh -c 'kill -TERM $$'

# case: standard streams are the container's
echo in | docker run --rm -i box cat
docker run --rm box sh -c 'echo out; echo err >&2' 2>/dev/null
docker run --rm box sh -c 'echo out; echo err >&2' 2>&1 >/dev/null
head -c 3000000 /dev/zero | docker run --rm -i box wc -c
docker run --rm box head -c 3000000 /dev/zero | wc -c

# case: a process sees what it would see under runc
# machine
# alike: s/\/[0-9A-Z]{26}\b/\/<layer>/g
# Masks are mounts of the runtime's own making. With cgroup v1, runc forgets that their folder is to be read-only.
# alike: s/^(\/ \/(proc\/(acpi|scsi)|sys\/firmware|sys\/devices\/virtual\/powercap)) .*/\1 <mask>/
# alike: s/^(\/ \/sys\/fs\/cgroup) r[ow],(.* tmpfs tmpfs)/\1 \2/
# A link into /proc; runc looks first whether the kernel has its end.
# alike: /\/dev\/core/d
# Until runc 1.2 the root stayed a slave of the mount that the host shares.
# alike: s/^(\/ \/ .*) master:[0-9]+ -/\1 -/
docker run --rm --name same --hostname same box facts process limits mounts devices masked environment descriptors names cgroup

# case: a detached container runs on, and is stopped
# machine
docker run -d --name one box sh -c 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.1; done' | wc -c
until_it sh -c 'docker logs one | grep up'
docker ps --format '{{.Names}} {{.Command}} {{.State}}'
docker stop one
docker logs one
docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}' one

# case: a terminal is one, and has a size
# machine
terminal 'stty rows 33 cols 99; docker run --rm -it box sh -c "tty; until stty size 2>&1 | grep 99; do sleep 0.1; done; test -t 0 && test -t 1 && test -t 2 && echo terminal; ls -l /dev/console | cut -c1-10; facts descriptors"' </dev/null

# case: what is typed reaches the terminal's foreground
keyboard 'docker run --rm -it box sh; echo status $?'
type_in '' '#'
type_in 'echo typed\r' '^typed'
type_in 'sh -c "echo asleep; sleep 100"\r' '^asleep'
type_in '\003' '\^C'
until_it sh -c 'tail -n 1 screen | grep "# "'
type_in 'exit 5\r' '^status'
screen

# case: a detached terminal is logged
docker run -dt --name one box sh -c 'tty; echo up; sleep 1000' >/dev/null
until_it sh -c 'docker logs one | grep up'
docker logs one
docker rm -f one

# case: an init reaps what others leave
# machine
docker run -d --init --name one box sh -c 'sh -c "sleep 0.1 & exit" ; sleep 1000' >/dev/null
until_it docker exec one sh -c '[ $(cat /proc/[0-9]*/comm | grep -c sleep) = 1 ]'
docker exec one cat /proc/1/comm
docker exec one sh -c 'cat /proc/[0-9]*/status | grep -c zombie' || true
docker stop -t 5 one
docker inspect -f '{{.State.ExitCode}}' one

# case: environment, entry point, folder and labels are the container's
docker run --rm -e A=1 -e HOME -e B='x y' -w /srv --label l=1 --entrypoint env box | sort
docker run --rm -w /new/folder box pwd
docker run --rm -w /srv box sh -c 'pwd; cat file'
docker run --rm --env-file /dev/null --entrypoint '' box echo entry

# case: signals are passed on to the process
docker run -d --name one --stop-signal USR1 box sh -c 'trap "echo usr1; exit 4" USR1; trap "echo hup" HUP; echo up; while :; do sleep 0.1; done' >/dev/null
until_it sh -c 'docker logs one | grep up'
docker kill -s HUP one
until_it sh -c 'docker logs one | grep hup'
docker stop one
docker logs one
docker wait one
status docker kill one

# case: what is attached to gets what is printed from then on
# Docker may let go of who is attached before the last words have come.
docker run -di --name one box sh -c 'read -r line; echo "got $line"; sleep 1; exit 6' >/dev/null
echo hello | status docker attach one
docker wait one

# case: created, started, renamed, waited for, removed
docker create --name one box sh -c 'exit 9' >/dev/null
docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' one
docker rename one two
docker start two
docker wait two
docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}' two
docker start -a two || echo "status $?"
docker rm two
status docker rm two

# case: what a runtime is named in daemon.json can be chosen
docker info -f '{{range $name, $runtime := .Runtimes}}{{$name}} {{end}}'
docker run --rm --runtime named box echo chosen
status docker run --rm --runtime nosuch box true

# case: a runtime is added and made the default by a reload
cp docker/daemon.json docker/kept.json
echo "{\"runtimes\": {\"later\": {\"path\": \"$ENGINES/bin/runc\"}}, \"default-runtime\": \"later\"}" >docker/daemon.json
kill -HUP "$(cat docker/log.pid)"
until_it sh -c 'docker info -f "{{.DefaultRuntime}}" | grep later'
docker run --name one box echo default
docker inspect -f '{{.HostConfig.Runtime}}' one
docker rm one
sed -i 's/"later"}$/"runc"}/' docker/daemon.json
kill -HUP "$(cat docker/log.pid)"
until_it sh -c 'docker info -f "{{.DefaultRuntime}}" | grep runc'
mv docker/kept.json docker/daemon.json
