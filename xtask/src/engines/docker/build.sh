# Docker: images that are built, and containers that belong together.

# case: an image is built by the classic builder
# machine
# alike: s/container process: error during container init: /container process: /
mkdir -p "$ENGINES/build"
echo data >"$ENGINES/build/data"
cat >"$ENGINES/build/Dockerfile" <<'FILE'
FROM box
COPY data /data
RUN cat /data && echo built >/built && id
USER user
RUN id && touch /tmp/users
WORKDIR /srv
ENV A=1
RUN env | sort && pwd && exit 0
CMD ["cat", "/built"]
FILE
DOCKER_BUILDKIT=0 docker build --no-cache -t built "$ENGINES/build" 2>&1 | grep -v -e '--->' -e Sending -e DEPRECATED -e 'Install the' -e docs.docker -e '^$' -e Removing -e Successfully
docker run --rm built
docker run --rm built id
printf 'FROM box\nRUN exit 7\n' >"$ENGINES/build/Dockerfile"
DOCKER_BUILDKIT=0 status docker build --no-cache "$ENGINES/build" 2>&1 | grep -e returned -e status
printf 'FROM box\nRUN ["nosuch"]\n' >"$ENGINES/build/Dockerfile"
DOCKER_BUILDKIT=0 status docker build --no-cache "$ENGINES/build" 2>&1 | tail -n 2
docker rmi built >/dev/null
docker image prune -f >/dev/null

# case: an image is built by buildkit
docker buildx version >/dev/null 2>&1 || docker version -f '{{.Server.Version}}' | grep -q '^20' || skip "no buildkit"
mkdir -p "$ENGINES/kit"
printf 'FROM box\nRUN id; echo built >/built; cat /proc/self/status | grep -E "^(Cap|Seccomp:|NoNew)"\nUSER user\nRUN id\nCMD ["cat", "/built"]\n' >"$ENGINES/kit/Dockerfile"
DOCKER_BUILDKIT=1 docker build --no-cache --progress plain -t built "$ENGINES/kit" 2>&1 | sed -nE 's/^#[0-9]+ ([0-9.]+ )?(uid|Cap|Seccomp|NoNew|console|core)/\2/p'
docker run --rm built
printf 'FROM box\nRUN exit 7\n' >"$ENGINES/kit/Dockerfile"
DOCKER_BUILDKIT=1 status docker build --no-cache --progress plain "$ENGINES/kit" 2>&1 | grep -o -e 'exit code: [0-9]*' -e 'status [0-9]*' | uniq
docker rmi built >/dev/null

# case: several containers of a compose file
# machine
# alike: s/[0-9]+\.[0-9]s//g
compose=docker-compose
command -v docker-compose >/dev/null || compose='docker compose'
$compose version >/dev/null 2>&1 || skip "no compose"
mkdir -p "$ENGINES/project"
cat >"$ENGINES/project/docker-compose.yml" <<'FILE'
version: "2.4"
services:
  web:
    image: box
    command: sh -c 'echo page >/www/index.html; exec httpd -f -p 80 -h /www'
    volumes: [ "pages:/www" ]
    ports: [ "127.0.0.1:8090:80" ]
    healthcheck: { test: "wget -qO- http://127.0.0.1/index.html", interval: 1s, retries: 20 }
    mem_limit: 32m
    cap_drop: [ ALL ]
    cap_add: [ NET_BIND_SERVICE ]
  reader:
    image: box
    depends_on: { web: { condition: service_healthy } }
    command: sh -c 'exec 2>&1; wget -qO- http://web/index.html; id; touch /x; sleep 1000'
    user: "1000"
    read_only: true
    restart: on-failure
    stop_signal: KILL
  once:
    image: box
    command: cat /www/index.html
    depends_on: { web: { condition: service_healthy } }
    volumes: [ "pages:/www:ro" ]
volumes: { pages: {} }
FILE
cd "$ENGINES/project"
$compose up -d >/dev/null 2>&1
until_it busybox wget -qO- http://127.0.0.1:8090/index.html
busybox wget -qO- http://127.0.0.1:8090/index.html
until_it sh -c 'docker logs $(docker ps -aqf name=reader) 2>&1 | grep Read-only'
for service in reader once; do
    docker logs "$(docker ps -aqf "name=$service")" 2>&1
done
$compose exec -T reader cat /proc/1/comm
docker ps -a --format '{{.Label "com.docker.compose.service"}} {{.State}}' | sort
$compose stop -t 0 reader 2>/dev/null
$compose start reader >/dev/null 2>&1
$compose down -t 0 -v >/dev/null 2>&1
docker ps -aq
