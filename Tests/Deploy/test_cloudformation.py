"""The CloudFormation templates are good, and a fault in one of them is found."""

import pathlib

import pytest
from checks import cloudformation
from mutation import Fault, faults

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
BUCKET = DEPLOY / "s3/bucket.yaml"
APP_RUNNER = DEPLOY / "apprunner/service.yaml"
EXPRESS = DEPLOY / "ecs-express/service.yaml"

ENVIRONMENT_FAULTS = faults(
    ("no replica", r"^ *- \{Name: REPLICA_URL.*\n"),
    ("acknowledged before the upload", "Value: replicated", "Value: async"),
    ("a variable nobody reads", "Name: DURABILITY", "Name: DURABLITY"),
    ("a key in the manifest", "Name: DURABILITY, Value: replicated", "Name: AWS_SECRET_ACCESS_KEY, Value: s3cret"),
    ("may begin empty by default", "Default: 'true'", "Default: 'false'"),
    ("no curl line", "curl -XPOST", "wget"),
    ("wrong action of the trust", "sts:AssumeRole'", "sts:AssumeRoll'"),
    ("no right to the bucket", r"ManagedPolicyArns: \[!Ref WriterPolicyArn\]", "Path: /"),
    ("all rights to S3", r"\[!Ref WriterPolicyArn\]", "['arn:aws:iam::aws:policy/AmazonS3FullAccess']"),
    ("unknown parameter", "!Ref Image", "!Ref Imag"),
)

APP_RUNNER_FAULTS = ENVIRONMENT_FAULTS + faults(
    ("misspelt property", "HealthCheckConfiguration:", "HealthChekConfiguration:"),
    ("misspelt below", "HealthyThreshold: 1", "HealthyTreshold: 1"),
    ("wrong protocol", "Protocol: HTTP", "Protocol: HTTPS"),
    ("TCP check", "Protocol: HTTP", "Protocol: TCP"),
    ("wrong kind of repository", "ImageRepositoryType: ECR$", "ImageRepositoryType: ECR_PRIV"),
    ("no such CPU", "Cpu: '256'", "Cpu: '300'"),
    ("no such pair", "Memory: '512'", "Memory: '4096'"),
    ("interval too long", "Interval: 10", "Interval: 60"),
    ("timeout over interval", "Timeout: 5", "Timeout: 15"),
    ("no time to restore", "UnhealthyThreshold: 20", "UnhealthyThreshold: 3"),
    ("three instances", "MaxSize: 1", "MaxSize: 3"),
    ("scaling not attached", "^ *AutoScalingConfigurationArn: .*\n"),
    ("no access role", "^ *AuthenticationConfiguration.*\n"),
    ("roles swapped", "AccessRoleArn: !GetAtt AccessRole.Arn", "AccessRoleArn: !GetAtt InstanceRole.Arn"),
    ("wrong principal", "tasks.apprunner", "taks.apprunner"),
    ("role is no ARN", "InstanceRoleArn: !GetAtt InstanceRole.Arn", "InstanceRoleArn: nobody"),
    ("no such attribute", "Service.ServiceUrl", "Service.Url"),
    ("reserved name", "Name: DURABILITY", "Name: AWSAPPRUNNER_X"),
    ("port of something else", "Port: '8080'", "Port: '80'"),
    ("health of something else", "Path: /readyz", "Path: /health"),
    ("deploys by itself", "AutoDeploymentsEnabled: false", "AutoDeploymentsEnabled: true"),
)

EXPRESS_FAULTS = ENVIRONMENT_FAULTS + faults(
    ("misspelt property", "HealthCheckPath", "HealthCheckPth"),
    ("two tasks", "MaxTaskCount: 1", "MaxTaskCount: 2"),
    ("no task", "MinTaskCount: 1", "MinTaskCount: 0"),
    ("no such size", "Memory: '512'", "Memory: '4096'"),
    ("no right to the bucket", r"^ *TaskRoleArn: .*\n"),
    ("wrong principal", r"Service: ecs\.amazonaws\.com", "Service: ec2.amazonaws.com"),
    ("tasks may not be run", r"Service: ecs-tasks\.amazonaws\.com", "Service: ecs.amazonaws.com"),
    ("no infrastructure role", "^ *InfrastructureRoleArn: .*\n"),
    ("alive is not ready", "/readyz", "/healthz"),
    ("port of something else", "ContainerPort: 8080", "ContainerPort: 80"),
    ("no image", "^ *Image: !Ref Image\n"),
    ("a log group of nobody", "LogGroup: !Ref LogGroup", "LogGroup: /other"),
    ("no such attribute", r"Service\.Endpoint", "Service.URL"),
)

BUCKET_FAULTS = faults(
    ("goes with its stack", "DeletionPolicy: Retain", "DeletionPolicy: Delete"),
    ("not encrypted", r"^ *BucketEncryption:\n.*\n.*\n"),
    ("public by ACL", "BlockPublicAcls: true", "BlockPublicAcls: false"),
    ("public by policy", "RestrictPublicBuckets: true", "RestrictPublicBuckets: false"),
    ("no versions", "Status: Enabled}$", "Status: Suspended}"),
    ("expires what is needed", "NoncurrentVersionExpiration: .*", "ExpirationInDays: 30"),
    ("plain HTTP", "'aws:SecureTransport': 'false'", "'aws:SecureTransport': 'true'"),
    ("commits may be overwritten", "'s3:if-none-match': 'true'", "'s3:if-none-match': 'false'"),
    ("overwriting is allowed", r"Effect: Deny(?=\n +Principal: '\*'\n +Action: 's3:PutObject')", "Effect: Allow"),
    ("another level", "/0000/", "/0001/"),
    ("no large commit could be made", r"^ *Bool: \{'s3:ObjectCreationOperation': 'true'\}\n"),
    ("all actions", r"\['s3:GetObject', .*\]", "['s3:*']"),
    ("an action too many", "'s3:AbortMultipartUpload'", "'s3:PutObjectAcl'"),
    ("no such action", "'s3:GetObject'", "'s3:GetObjekt'"),
    ("cannot delete", ", 's3:DeleteObject'", ""),
    ("the whole bucket", r"'\$\{Bucket.Arn\}/\$\{Prefix\}/\*'(?![\s\S]*Prefix\}/\*)", "'${Bucket.Arn}/*'"),
    (
        "an absent object is a forbidden one",
        r"(Action: \['s3:ListBucket'.*\n)",
        r"\1            Condition: {StringLike: {'s3:prefix': ['holdfast/*']}}\n",
    ),
    ("cannot list", "'s3:ListBucket', ", ""),
    ("no such resource", "!GetAtt Bucket.Arn", "!GetAtt Bukket.Arn"),
)


@pytest.mark.parametrize("manifest", [BUCKET, APP_RUNNER, EXPRESS], ids=lambda path: path.parent.name)
def test_the_template_is_good(manifest: pathlib.Path) -> None:
    assert cloudformation.problems(manifest) == []


@pytest.mark.parametrize(
    ("manifest", "fault"),
    [(BUCKET, each) for each in BUCKET_FAULTS]
    + [(APP_RUNNER, each) for each in APP_RUNNER_FAULTS]
    + [(EXPRESS, each) for each in EXPRESS_FAULTS],
    ids=lambda value: value.parent.name if isinstance(value, pathlib.Path) else str(value),
)
def test_a_fault_is_found(manifest: pathlib.Path, fault: Fault, tmp_path: pathlib.Path) -> None:
    assert cloudformation.problems(fault.planted(manifest, tmp_path))
