#!/bin/sh
# Deploys an image to a Lightsail container service, which it makes if there is none. Needs the aws CLI with its
# lightsailctl plugin, python3, and an image that `docker build` made.
#
#   REPLICA_URL=s3://bucket/holdfast REPLICA_KEY_ID=... REPLICA_SECRET=... deploy.sh REGION LOCAL_IMAGE [--first]
#
# REPLICA_KEY_ID and REPLICA_SECRET are the key of the user that ../s3/bucket.yaml makes with MakeUser=true; the aws CLI
# itself works with yours. API_TOKEN, if set, shuts out callers without it; say it at each deploy. --first: the bucket is
# still empty, so begin with an empty database.
set -eu
[ $# -ge 2 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
: "${REPLICA_URL:?}" "${REPLICA_KEY_ID:?}" "${REPLICA_SECRET:?}"
region=$1 image=$2
required=true
[ "${3:-}" != --first ] || required=false
here=$(cd "$(dirname "$0")" && pwd)

service() {
    aws lightsail get-container-services --region "$region" --service-name holdfast \
        --query "containerServices[0].$1" --output text
}
# A new service takes some minutes, and so does each deploy; meanwhile it takes no other.
settle() {
    while state=$(service state); do
        case $state in
            READY | RUNNING) return ;;
            DISABLED) echo "The service is disabled." >&2; exit 1 ;;
        esac
        sleep 10
    done
    exit 1
}

service state > /dev/null 2>&1 ||
    aws lightsail create-container-service --region "$region" --cli-input-json "file://$here/service.json"
settle
aws lightsail push-container-image --region "$region" --service-name holdfast --label api --image "$image"
pushed=$(aws lightsail get-container-images --region "$region" --service-name holdfast \
    --query 'containerImages[0].image' --output text)

umask 077
body=$(mktemp)
trap 'rm -f "$body"' EXIT
# Not by sed: a secret may hold any character.
PUSHED=$pushed REGION=$region REQUIRED=$required python3 - "$here/deployment.json" > "$body" << 'PYTHON'
import json
import os
import sys

with open(sys.argv[1]) as file:
    deployment = json.load(file)
api = deployment["containers"]["api"]
api["image"] = os.environ["PUSHED"]
api["environment"] |= {
    "REPLICA_URL": os.environ["REPLICA_URL"],
    "AWS_REGION": os.environ["REGION"],
    "AWS_ACCESS_KEY_ID": os.environ["REPLICA_KEY_ID"],
    "AWS_SECRET_ACCESS_KEY": os.environ["REPLICA_SECRET"],
    "REQUIRE_REPLICA": os.environ["REQUIRED"],
}
if token := os.environ.get("API_TOKEN"):
    api["environment"]["API_TOKEN"] = token
json.dump(deployment, sys.stdout)
PYTHON
aws lightsail create-container-service-deployment --region "$region" --cli-input-json "file://$body" > /dev/null
settle
[ "$(service currentDeployment.containers.api.image)" = "$pushed" ] ||
    { echo "The deploy failed, and what ran before goes on: aws lightsail get-container-log ..." >&2; exit 1; }
url=$(service url)
echo "curl -XPOST ${url}tasks -d '{\"title\":\"x\"}'"
echo "curl ${url}tasks"
