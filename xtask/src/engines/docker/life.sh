# Docker: what happens to a container while it lives.

# case: a pause stops everything, and an unpause goes on
# machine
docker run -d --name one box sh -c 'while :; do echo tick; sleep 0.1; done' >/dev/null
until_it sh -c 'docker logs one | grep tick'
docker pause one
docker ps -a --format '{{.Names}} {{.State}}'
sleep 0.3
before=$(docker logs one | wc -l)
sleep 0.5
[ "$before" = "$(docker logs one | wc -l)" ] && echo still
status docker exec one true
docker unpause one
until_it sh -c "[ \$(docker logs one | wc -l) -gt $before ]"
docker inspect -f '{{.State.Status}}' one
status docker unpause one

# case: a paused container is killed and removed
docker run -d --name one box sleep 1000 >/dev/null
docker pause one
docker rm -f one
docker ps -aq

# case: who fails is restarted as often as was said
# machine
docker run -d --name one --restart on-failure:2 box sh -c 'echo run; exit 1' >/dev/null
until_it sh -c 'docker inspect -f "{{.State.Status}} {{.RestartCount}}" one | grep "exited 2"'
docker logs one
docker inspect -f '{{.State.ExitCode}} {{.RestartCount}}' one

# case: who ends is restarted, until it is stopped
# machine
docker run -d --name one --restart always box sh -c 'echo run; sleep 0.2' >/dev/null
until_it sh -c '[ $(docker logs one | wc -l) -ge 3 ]'
docker stop -t 0 one
docker inspect -f '{{.State.Status}}' one
docker run -d --name two --restart unless-stopped box sh -c 'echo run; kill -9 $$; sleep 0.2; exit 1' >/dev/null
until_it sh -c '[ $(docker logs two | wc -l) -ge 2 ]'
docker rm -f two

# case: a restart is another run of the same
docker run -d --name one box sh -c 'echo run; exec sleep 1000' >/dev/null
until_it sh -c 'docker logs one | grep run'
docker restart -t 0 one
until_it sh -c '[ $(docker logs one | wc -l) = 2 ]'
docker inspect -f '{{.State.Status}} {{.RestartCount}}' one

# case: one that does not listen is killed after its time
docker run -d --name one box sh -c 'trap "" TERM; echo up; while :; do sleep 0.1; done' >/dev/null
until_it sh -c 'docker logs one | grep up'
docker stop -t 1 one
docker inspect -f '{{.State.ExitCode}} {{.State.OOMKilled}}' one

# case: health is asked for, and told
# machine
docker run -d --name one --health-cmd 'test -e /tmp/ok' --health-interval 0.3s --health-retries 1 --health-start-period 0s box sleep 1000 >/dev/null
until_it sh -c 'docker inspect -f "{{.State.Health.Status}}" one | grep unhealthy'
docker exec one touch /tmp/ok
until_it sh -c 'docker inspect -f "{{.State.Health.Status}}" one | grep ^healthy'
docker inspect -f '{{range .State.Health.Log}}{{.ExitCode}} {{end}}' one | tr ' ' '\n' | sort -u
docker run -d --name two --health-cmd 'sleep 100' --health-interval 0.3s --health-timeout 0.3s --health-retries 1 box sleep 1000 >/dev/null
until_it sh -c 'docker inspect -f "{{.State.Health.Status}}" two | grep unhealthy'
docker inspect -f '{{(index .State.Health.Log 0).ExitCode}} {{(index .State.Health.Log 0).Output}}' two

# case: logs are whole, and followed to the end
# machine
docker run -d --name one box sh -c 'seq 2000; echo err >&2; sleep 0.5; echo end' >/dev/null
docker logs -f one 2>/dev/null | cksum
docker logs --tail 1 one 2>/dev/null
docker logs one 2>&1 >/dev/null

# case: top shows the processes
# machine
docker run -d --name one box sh -c 'sleep 1000 & sleep 2000 & wait' >/dev/null
until_it sh -c '[ $(docker top one -o pid | wc -l) = 4 ]'
docker top one -o pid,args | sed -E 's/^[0-9]+ +//'
docker top one | awk '{ print $1, $8, $9, $10 }'

# case: events of a life come in order
# alike: s/ \([^)]*\)//
label=$(cat /proc/sys/kernel/random/uuid)
since=$(date +%s)
docker run -d --name one --label "run=$label" box sh -c 'sleep 1000' >/dev/null
docker pause one >/dev/null
docker unpause one >/dev/null
docker exec one true
docker kill one >/dev/null
docker wait one
docker start one >/dev/null
docker stop -t 0 one >/dev/null
docker rm one >/dev/null
docker events --since "$since" --until "$(($(date +%s) + 1))" --filter "label=run=$label" --format '{{.Action}} {{.Actor.Attributes.exitCode}}'

# case: what is removed with force leaves nothing
docker run -d --name one box sh -c 'trap "" TERM; sleep 1000 & sleep 1000 & wait' >/dev/null
docker rm -f one
status docker inspect one
