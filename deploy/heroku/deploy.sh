#!/bin/sh
# Builds the image, pushes it to Heroku's registry, releases it. Needs docker, the heroku CLI, and both logged in
# (`heroku container:login`).
#
#   deploy.sh APP
set -eu
[ $# = 1 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
app=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
image=registry.heroku.com/$app/web

# Without provenance: Heroku's registry takes a plain image, not an index.
docker build --platform linux/amd64 --provenance=false -f "$root/deploy/Dockerfile" -t "$image" "$root"
docker push "$image"
heroku container:release web --app "$app"
heroku ps:scale web=1 --app "$app"
