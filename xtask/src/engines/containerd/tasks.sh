# containerd: ctr tasks.

# case: a task is started, looked at, killed, deleted, started again
# machine
run -d --pid-file pid $BOX one sh -c 'trap "exit 9" TERM; while :; do sleep 0.1; done'
[ "$(cat pid)" = "$(ctr tasks ls | awk '/^one/ { print $2 }')" ]
tasks
ctr tasks kill --signal SIGTERM one
task_ended one
tasks
status ctr tasks delete one 2>/dev/null
ctr tasks start --detach one
tasks
ctr tasks kill --signal SIGKILL --all one
task_ended one
status ctr tasks delete one 2>/dev/null
ctr containers info one | grep '"Name"'
ctr containers delete one

# case: exec
# machine
run -d $BOX one sleep 1000
status ctr tasks exec --exec-id two one sh -c 'echo in; exit 4'
ctr tasks exec --exec-id two --user 1000 --cwd /tmp one sh -c 'id; pwd'
status ctr tasks exec --exec-id no one nosuch 2>/dev/null
ctr tasks exec --detach --exec-id three one sleep 1000
ctr tasks ps one | wc -l
ctr tasks exec --exec-id two one sh -c 'grep -E "^(Cap|Seccomp|NoNew)" /proc/self/status'

# case: a terminal for an exec is one
run -d $BOX one sleep 1000
terminal 'ctr tasks exec -t --exec-id two one sh -c "tty; test -t 0 && test -t 1 && echo terminal; exit 4" 2>/dev/null; echo status $?' </dev/null

# case: paused and resumed
# machine
run -d $BOX one sleep 1000
ctr tasks pause one
tasks
status ctr tasks exec --exec-id two one true
ctr tasks resume one
tasks

# case: metrics
# machine
run -d $BOX one sleep 1000
ctr tasks metrics one | awk '{ print $1 }' | sort

# case: output goes where it is told
run -d --log-uri "file://$ENGINES/logged" $BOX one sh -c 'echo logged'
task_ended one
until_it grep logged "$ENGINES/logged"
cat "$ENGINES/logged"
rm "$ENGINES/logged"

# case: events, also of a task that runs out of memory
# machine
rm -f events
ctr events >events &
watcher=$!
# Until it listens, nothing is heard of what is changed.
until_it sh -c 'ctr namespaces label default heard="$(date +%N)"; [ -s events ]'
status run --rm --memory-limit 16777216 $BOX one sh -c 'x=a; while :; do x=$x$x; done' 2>/dev/null
run -d $BOX one sleep 1000
ctr tasks pause one
ctr tasks resume one
ctr tasks exec --exec-id two one true
ctr tasks kill --signal KILL one
task_ended one
ctr tasks rm one 2>/dev/null || true
until_it sh -c '[ "$(grep -ac tasks/delete events)" -ge 2 ]'
kill -KILL "$watcher"
grep -ao '/tasks/[a-z-]*' events
