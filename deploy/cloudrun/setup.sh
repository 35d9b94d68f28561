#!/bin/sh
# Makes, once, what the service needs in a Google Cloud project: the bucket, the image repository, the service account
# and its rights. Run it again, and it changes only what is missing.
#
#   setup.sh PROJECT REGION BUCKET
set -eu
[ $# = 3 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
project=$1 region=$2 bucket=$3
here=$(cd "$(dirname "$0")" && pwd)
account=holdfast@$project.iam.gserviceaccount.com

have() { "$@" > /dev/null 2>&1; }

gcloud services enable --project "$project" \
    run.googleapis.com artifactregistry.googleapis.com iam.googleapis.com storage.googleapis.com

have gcloud artifacts repositories describe holdfast --project "$project" --location "$region" ||
    gcloud artifacts repositories create holdfast --project "$project" --location "$region" --repository-format docker

# In the region of the service: every write waits for one round trip to it.
have gcloud storage buckets describe "gs://$bucket" --project "$project" ||
    gcloud storage buckets create "gs://$bucket" --project "$project" --location "$region" \
        --uniform-bucket-level-access --public-access-prevention
gcloud storage buckets update "gs://$bucket" --versioning --lifecycle-file "$here/lifecycle.json"

have gcloud iam service-accounts describe "$account" --project "$project" ||
    gcloud iam service-accounts create holdfast --project "$project" --display-name "Holdfast"
if have gcloud iam roles describe holdfastWriter --project "$project"; then
    gcloud iam roles update holdfastWriter --project "$project" --file "$here/role.yaml" --quiet
else
    gcloud iam roles create holdfastWriter --project "$project" --file "$here/role.yaml" --quiet
fi
# On this bucket, not in the whole project.
gcloud storage buckets add-iam-policy-binding "gs://$bucket" \
    --member "serviceAccount:$account" --role "projects/$project/roles/holdfastWriter"

echo "Ready. Push the image, then: $here/deploy.sh $project $region $bucket IMAGE --first"
