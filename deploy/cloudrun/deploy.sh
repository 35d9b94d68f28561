#!/bin/sh
# Deploys an image as the next revision.
#
#   deploy.sh PROJECT REGION BUCKET IMAGE [--first] [--private] [--token-secret NAME]
#
# --first             the bucket is still empty: begin with an empty database instead of refusing to start
# --private           only callers with roles/run.invoker; otherwise everybody may call it
# --token-secret NAME only callers with the bearer token in this secret of Secret Manager; say it at each deploy
set -eu
[ $# -ge 4 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }
project=$1 region=$2 bucket=$3 image=$4
shift 4
required=true public=true secret=
while [ $# -gt 0 ]; do
    case $1 in
        --first) required=false ;;
        --private) public=false ;;
        --token-secret) secret=${2:?--token-secret wants the name of a secret}; shift ;;
        *) echo "$1 is no option" >&2; exit 2 ;;
    esac
    shift
done
here=$(cd "$(dirname "$0")" && pwd)
manifest=$(mktemp)
trap 'rm -f "$manifest"' EXIT

sed -e "s|PROJECT|$project|" -e "s|IMAGE|$image|" -e "s|BUCKET|$bucket|" \
    -e "/REQUIRE_REPLICA/s|\"true\"|\"$required\"|" "$here/service.yaml" > "$manifest"
if [ -n "$secret" ]; then
    sed -i "/{name: DURABILITY/a\\
            - {name: API_TOKEN, valueFrom: {secretKeyRef: {name: $secret, key: latest}}}" "$manifest"
fi
gcloud run services replace "$manifest" --project "$project" --region "$region"
if [ "$public" = true ]; then
    gcloud run services add-iam-policy-binding holdfast --project "$project" --region "$region" \
        --member allUsers --role roles/run.invoker
fi
url=$(gcloud run services describe holdfast --project "$project" --region "$region" --format 'value(status.url)')
echo "curl -XPOST $url/tasks -d '{\"title\":\"x\"}'"
echo "curl $url/tasks"
