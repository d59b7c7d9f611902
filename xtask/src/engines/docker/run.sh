# Docker: containers that come and go.

# case: a command's exit status is docker's
docker run --rm box true
status docker run --rm box false
status docker run --rm box sh -c 'exit 42'
status docker run --rm box sh -c 'kill -TERM $$'

# case: standard streams are the container's
echo in | docker run --rm -i box cat
docker run --rm box sh -c 'echo out; echo err >&2' 2>/dev/null
docker run --rm box sh -c 'echo out; echo err >&2' >/dev/null

# case: a detached container runs on, and is stopped
docker run -d --name one box sh -c 'trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.1; done' | wc -c
until_it sh -c 'docker logs one | grep up'
docker ps --format '{{.Names}} {{.Command}} {{.State}}'
docker stop one
docker logs one
docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}' one

# case: a terminal is one
terminal 'docker run --rm -it box sh -c "tty; stty size; test -t 0 && test -t 1 && test -t 2 && echo terminal"' </dev/null
