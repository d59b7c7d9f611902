# Docker: many containers at once, and a daemon that goes away under them.

# case: fifty at once
# machine
for i in $(seq 50); do
    { docker run --rm --name "many$i" --network none box sh -c "echo $i; exit $i" || echo "status $?"; } >"$ENGINES/many.$i" 2>&1 &
done
wait
for i in $(seq 50); do paste -s "$ENGINES/many.$i"; done
docker ps -aq
