#!/bin/sh
# Deploys an image as the next revision.
#
#   deploy.sh PROJECT REGION BUCKET IMAGE [--first] [--private]
#
# --first   the bucket is still empty: begin with an empty database instead of refusing to start
# --private only callers with roles/run.invoker; otherwise everybody may call it, as the article's curl lines do
set -eu
[ $# -ge 4 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
project=$1 region=$2 bucket=$3 image=$4
shift 4
required=true public=true
for option; do
    case $option in
        --first) required=false ;;
        --private) public=false ;;
        *) echo "$option is no option" >&2; exit 2 ;;
    esac
done
here=$(cd "$(dirname "$0")" && pwd)
manifest=$(mktemp)
trap 'rm -f "$manifest"' EXIT

sed -e "s|PROJECT|$project|" -e "s|IMAGE|$image|" -e "s|BUCKET|$bucket|" \
    -e "/REQUIRE_REPLICA/s|\"true\"|\"$required\"|" "$here/service.yaml" > "$manifest"
gcloud run services replace "$manifest" --project "$project" --region "$region"
if [ "$public" = true ]; then
    gcloud run services add-iam-policy-binding holdfast --project "$project" --region "$region" \
        --member allUsers --role roles/run.invoker
fi
url=$(gcloud run services describe holdfast --project "$project" --region "$region" --format 'value(status.url)')
echo "curl -XPOST $url/tasks -d '{\"title\":\"x\"}'"
echo "curl $url/tasks"
