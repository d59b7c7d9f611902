# Podman: containers that come and go.

# case: stopped, started, killed, restarted, removed
# machine
podman run -d --name one --network none box sh -c 'trap "exit 3" TERM; echo up; while :; do sleep 0.1; done' >/dev/null
until_it sh -c 'podman logs one | grep up'
podman stop --time 30 one
podman inspect one --format '{{.State.Status}} {{.State.ExitCode}}'
podman start one
podman kill --signal KILL one
podman wait one
podman inspect one --format '{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}'
podman restart one
podman inspect one --format '{{.State.Status}}'
podman rm --force --time 0 one

# case: paused, a container takes no exec
# machine
podman run -d --name one --network none box sleep 1000 >/dev/null
podman pause one
podman inspect one --format '{{.State.Status}} {{.State.Paused}}'
status podman exec one true
podman unpause one
podman exec one echo again

# case: statistics and processes
# machine
podman run -d --name one --network none --memory 64m box sh -c 'sleep 1000; true' >/dev/null
podman stats --no-stream --format '{{.Name}} {{.PIDS}}' one
podman stats --no-stream --format json one | grep -c cpu_time
podman top one user comm args
podman top one -eo comm | grep -v ps

# case: created, it waits for its start; attached, it is heard
podman create --name one --network none box echo created >/dev/null
podman init one
podman inspect one --format '{{.State.Status}}'
podman start --attach one
podman run -d -i --name two --network none box cat >/dev/null
echo hello | podman attach two

# case: restarted when it fails, ended when its time is over
podman run --network none --restart on-failure:2 --name one box sh -c 'echo again; exit 1' || echo "status $?"
until_it sh -c 'podman inspect one --format "{{.RestartCount}}" | grep 2'
until_it sh -c 'podman inspect one --format "{{.State.Status}}" | grep exited'
podman logs one
status podman run --rm --network none --timeout 1 box sleep 100

# case: files go in and out, and become an image
podman run -d --name one --network none box sleep 1000 >/dev/null
podman cp /etc/hostname one:/tmp/copied
podman exec one test -s /tmp/copied
podman diff one | grep copied
podman export one | tar -t | grep copied
podman commit --quiet one localhost/box:2 >/dev/null
podman run --rm --network none localhost/box:2 test -s /tmp/copied
podman rmi localhost/box:2 >/dev/null
podman rename one two
podman inspect two --format '{{.Name}}'
