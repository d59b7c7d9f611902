# Docker: starts that fail, in the words that people and programs look for.
#
# Between these words runc says more or less, as its version is; brig says what runc 1.4 does, and adds the place in
# config.json. A runc made with a Go before 1.20 takes a folder for a file that may not be executed.

# case: a command that is not there, or cannot be run
# alike: s/container process: error during container init: /container process: /
# machine
for words in nosuch /nosuch $(folder) /etc/passwd ./nosuch ''; do
    status docker run --rm box "$words"
done

# case: what is told about a start that failed
# alike: s/container process: error during container init: /container process: /
for words in nosuch $(folder) /etc/passwd; do
    status docker run -d --name one box "$words" 2>/dev/null >/dev/null
    docker inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}' one
    docker rm one
done

# case: a script without its interpreter, and a program of another kind
# alike: s/ \(its interpreter, .*\)//
# alike: s/^status (1|255)$/status of a failed execve/
mkdir -p "$ENGINES/scripts"
printf '#!/nosuch\n' >"$ENGINES/scripts/none"
printf 'echo without\n' >"$ENGINES/scripts/plain"
printf '\177ELF garbage' >"$ENGINES/scripts/garbage"
: >"$ENGINES/scripts/empty"
chmod 755 "$ENGINES"/scripts/*
for name in none plain garbage empty; do
    status docker run --rm -v "$ENGINES/scripts:/scripts" box "/scripts/$name"
done

# case: an exec that fails
# alike: s/container process: error during container init: /container process: /
docker run -d --name one box sleep 1000 >/dev/null
status docker exec one nosuch
for words in $(folder); do status docker exec one "$words"; done
status docker exec one /etc/passwd
status docker exec -w /nosuch one true
status docker exec -w /etc/passwd one pwd
status docker exec -u nosuch one true
status docker exec -d one nosuch
docker exec one echo alive

# case: a folder that cannot be entered
mkdir -p "$ENGINES/closed/in"
chmod 700 "$ENGINES/closed"
status docker run --rm --user user -v "$ENGINES/closed:/closed" -w /closed/in box pwd
status docker run --rm -w /etc/passwd box pwd

# case: a file where a folder is, and the other way round
# alike: s/(error mounting "[^"]*" to rootfs at "[^"]*"): .*(not a directory).*(unknown: Are)/\1: \2: \3/
mkdir -p "$ENGINES/folder"
: >"$ENGINES/file"
status docker run --rm -v "$ENGINES/file:/srv" box true
status docker run --rm -v "$ENGINES/folder:/etc/passwd" box true
status docker run --rm -v "$ENGINES/folder:/srv/file/below" box true

# case: profiles that nobody can read
# alike: s/ \(linux\.seccomp[^)]*\)//
# alike: s/(OCI runtime create failed): .*(9 given|index: 9).*/\1: <index>/
echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["nosuch_call"],"action":"SCMP_ACT_ERRNO"}]}' >"$ENGINES/unknown.json"
echo '{"defaultAction":"SCMP_ACT_NOSUCH"}' >"$ENGINES/action.json"
echo '{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_NOSUCH"]}' >"$ENGINES/architecture.json"
echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":9,"value":1,"op":"SCMP_CMP_EQ"}]}]}' >"$ENGINES/index.json"
for name in unknown action architecture index; do
    status docker run --rm --security-opt "seccomp=$ENGINES/$name.json" box true
done

# case: limits that cannot be
# alike: s/(OCI runtime create failed): .*(rlimit).*(operation not permitted).*/\1: \2: \3/
status docker run --rm --cpuset-cpus 999 box true
status docker run --rm --ulimit nofile=99999999:99999999 box true
status docker run --rm --memory 1k box true
status docker run --rm --pids-limit -1 box echo unlimited
status docker run --rm --cpu-quota 10 box true

# case: what failed can be started later
# alike: s/container process: error during container init: /container process: /
docker create --name one -v "$ENGINES/bin2:/given" --entrypoint /given/tool box >/dev/null
status docker start one
mkdir -p "$ENGINES/bin2"
printf '#!/bin/sh\necho works\n' >"$ENGINES/bin2/tool"
chmod 755 "$ENGINES/bin2/tool"
status docker start -a one
rm -r "$ENGINES/bin2"
