"""CloudFormation templates: cfn-lint for names, types, ranges and references, and what cfn-lint does not know."""

import pathlib
from collections.abc import Callable

from cfnlint.api import lint_file
from cfnlint.config import ManualArgs
from cfnlint.decode import decode

from checks import service

# MiB of memory that go with CPU units.
APP_RUNNER_SIZES = {
    256: {512, 1024},
    512: {1024},
    1024: {2048, 3072, 4096},
    2048: {4096, 6144},
    4096: {8192, 10240, 12288},
}
FARGATE_SIZES = {
    256: {512, 1024, 2048},
    512: set(range(1024, 4097, 1024)),
    1024: set(range(2048, 8193, 1024)),
    2048: set(range(4096, 16385, 1024)),
    4096: set(range(8192, 30721, 1024)),
}


class Template:
    """A decoded template; what is a reference to a parameter counts as the parameter's default."""

    def __init__(self, content: dict):
        self.resources: dict = content.get("Resources", {})
        self.parameters: dict = content.get("Parameters", {})
        self.outputs: dict = content.get("Outputs", {})

    def of_type(self, type_name: str) -> dict[str, dict]:
        return {name: each for name, each in self.resources.items() if each.get("Type") == type_name}

    def literal(self, value: object) -> object:
        name = self.target(value)
        if name in self.parameters:
            return self.parameters[name].get("Default")
        return value if isinstance(value, str | int) else None

    def target(self, value: object) -> str | None:
        """The logical name behind a Ref or GetAtt."""
        if not isinstance(value, dict):
            return None
        if "Ref" in value:
            return value["Ref"]
        attribute = value.get("Fn::GetAtt")
        return attribute.split(".")[0] if isinstance(attribute, str) else attribute[0] if attribute else None

    def role_problems(self, where: str, value: object, principal: str) -> list[str]:
        role = self.resources.get(self.target(value), {})
        if role.get("Type") != "AWS::IAM::Role":
            return [f"{where} is no role of this template"]
        statements = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        trusted = [each.get("Principal", {}).get("Service") for each in statements]
        return [] if trusted == [principal] else [f"{where} trusts {trusted}, not {principal}"]

    def writer_problems(self, where: str, value: object) -> list[str]:
        """The service's own role has the rights to its prefix and no others."""
        role = self.resources.get(self.target(value), {}).get("Properties", {})
        policies = [self.target(each) for each in role.get("ManagedPolicyArns", [])]
        if policies != ["WriterPolicyArn"] or role.get("Policies"):
            return [f"{where} must have the bucket stack's WriterPolicyArn and nothing else"]
        return []


def problems(path: pathlib.Path) -> list[str]:
    content, errors = decode(str(path))
    if errors:
        return [str(each) for each in errors]
    found = []
    template = Template(content)
    judges: dict[str, Callable[[Template, dict], list[str]]] = {
        "AWS::AppRunner::Service": app_runner,
        "AWS::ECS::ExpressGatewayService": express,
        "AWS::S3::Bucket": bucket,
    }
    judged = 0
    for type_name, judge in judges.items():
        for name, resource in template.of_type(type_name).items():
            judged += 1
            try:
                found += [f"{name}: {each}" for each in judge(template, resource)]
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                found.append(f"{name}: not all could be judged: {type(error).__name__} {error}")
    if not judged:
        found.append("no service and no bucket in it")
    # Last, because it takes a hundred times as long.
    return found or [f"{match.rule.id} {match.message}" for match in lint_file(path, ManualArgs(regions=["us-east-1"]))]


def environment(pairs: list[dict]) -> dict[str, object]:
    return {each["Name"]: each["Value"] for each in pairs}


def judged_environment(template: Template, pairs: list[dict]) -> list[str]:
    values = {name: template.literal(value) for name, value in environment(pairs).items()}
    return service.environment_problems(values, roles=True)


def curl_problems(template: Template) -> list[str]:
    wanted = {"Post": "curl -XPOST", "List": "curl https://"}
    texts = {name: str(template.outputs.get(name, {}).get("Value", "")) for name in wanted}
    return [f"the output {name} is no curl line" for name, text in wanted.items() if text not in texts[name]]


def app_runner(template: Template, resource: dict) -> list[str]:
    found = []
    properties = resource["Properties"]
    source = properties["SourceConfiguration"]
    image = source["ImageRepository"]["ImageConfiguration"]
    instance = properties["InstanceConfiguration"]
    cpu, memory = int(template.literal(instance["Cpu"])), int(template.literal(instance["Memory"]))
    if memory not in APP_RUNNER_SIZES.get(cpu, set()):
        found.append(f"App Runner has no {cpu} CPU units with {memory} MiB")
    scaling = template.resources.get(template.target(properties.get("AutoScalingConfigurationArn")))
    if scaling is None:
        found.append("no auto scaling configuration: the default allows 25 instances")
    else:
        for key in ("MinSize", "MaxSize"):
            if template.literal(scaling["Properties"].get(key)) != 1:
                found.append(f"{key} must be 1: each further writer makes the others run their batches again")
    if source.get("AutoDeploymentsEnabled") is not False:
        found.append("AutoDeploymentsEnabled must be false: a push is no decision to deploy")
    found += template.role_problems(
        "AccessRoleArn",
        source.get("AuthenticationConfiguration", {}).get("AccessRoleArn"),
        "build.apprunner.amazonaws.com",
    )
    found += template.role_problems("InstanceRoleArn", instance.get("InstanceRoleArn"), "tasks.apprunner.amazonaws.com")
    found += template.writer_problems("InstanceRoleArn", instance.get("InstanceRoleArn"))
    health = properties["HealthCheckConfiguration"]
    if (health.get("Protocol"), health.get("Path")) != ("HTTP", service.READY):
        found.append(f"the health check must be HTTP {service.READY}: TCP answers before the restore is done")
    if health["Timeout"] > health["Interval"]:
        found.append("the health check's Timeout is longer than its Interval")
    if health["Interval"] * health["UnhealthyThreshold"] < 120:
        found.append("the health check leaves less than two minutes for a restore")
    if str(image["Port"]) != str(service.PORT):
        found.append(f"Port {image['Port']} is not the image's {service.PORT}")
    pairs = image["RuntimeEnvironmentVariables"]
    found += [f"{name} is reserved by App Runner" for name in environment(pairs) if name.startswith("AWSAPPRUNNER")]
    return found + judged_environment(template, pairs) + curl_problems(template)


def express(template: Template, resource: dict) -> list[str]:
    found = []
    properties = resource["Properties"]
    cpu, memory = int(properties["Cpu"]), int(properties["Memory"])
    if memory not in FARGATE_SIZES.get(cpu, set()):
        found.append(f"Fargate has no {cpu} CPU units with {memory} MiB")
    scaling = properties["ScalingTarget"]
    for key in ("MinTaskCount", "MaxTaskCount"):
        if scaling.get(key) != 1:
            found.append(f"{key} must be 1: each further writer makes the others run their batches again")
    for name, principal in (
        ("ExecutionRoleArn", "ecs-tasks.amazonaws.com"),
        ("InfrastructureRoleArn", "ecs.amazonaws.com"),
        ("TaskRoleArn", "ecs-tasks.amazonaws.com"),
    ):
        found += template.role_problems(name, properties.get(name), principal)
    found += template.writer_problems("TaskRoleArn", properties.get("TaskRoleArn"))
    if properties.get("HealthCheckPath") != service.READY:
        found.append(f"HealthCheckPath must be {service.READY}")
    container = properties["PrimaryContainer"]
    if container.get("ContainerPort") != service.PORT:
        found.append(f"ContainerPort is not the image's {service.PORT}")
    if template.target(container["AwsLogsConfiguration"]["LogGroup"]) not in template.of_type("AWS::Logs::LogGroup"):
        found.append("the log group is not of this template")
    return found + judged_environment(template, container["Environment"]) + curl_problems(template)


def bucket(template: Template, resource: dict) -> list[str]:
    found = []
    if (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")) != ("Retain", "Retain"):
        found.append("must be retained: deleting the stack would delete the data")
    properties = resource["Properties"]
    if "BucketEncryption" not in properties:
        found.append("is not encrypted")
    blocks = properties.get("PublicAccessBlockConfiguration", {})
    for key in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"):
        if blocks.get(key) is not True:
            found.append(f"{key} must be true")
    if properties.get("VersioningConfiguration", {}).get("Status") != "Enabled":
        found.append("versioning is what brings deleted objects back")
    for rule in properties["LifecycleConfiguration"]["Rules"]:
        if {"ExpirationInDays", "ExpirationDate", "Transitions"} & set(rule):
            found.append(f"the rule {rule.get('Id')} takes away objects that are still needed")
    policies = template.of_type("AWS::S3::BucketPolicy").values()
    statements = [each for policy in policies for each in policy["Properties"]["PolicyDocument"]["Statement"]]
    if not any(denies_plain_http(each) for each in statements):
        found.append("no statement denies plain HTTP")
    if not any(denies_overwriting(each) for each in statements):
        found.append("no statement denies PUTs of level 0 without If-None-Match")
    return found + [each for policy in template.of_type("AWS::IAM::ManagedPolicy").values() for each in rights(policy)]


def denies_plain_http(statement: dict) -> bool:
    return (
        statement["Effect"] == "Deny"
        and statement["Action"] == "s3:*"
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
    )


def denies_overwriting(statement: dict) -> bool:
    return (
        statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement["Action"] == "s3:PutObject"
        and statement["Resource"] == {"Fn::Sub": "${Bucket.Arn}/${Prefix}/0000/*"}
        and statement.get("Condition")
        == {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}
    )


# What may be done to which resource; anything else is too much.
RIGHTS = {
    "s3:ListBucket": {"Fn::GetAtt": ["Bucket", "Arn"]},
    "s3:GetBucketLocation": {"Fn::GetAtt": ["Bucket", "Arn"]},
    "s3:GetObject": {"Fn::Sub": "${Bucket.Arn}/${Prefix}/*"},
    "s3:PutObject": {"Fn::Sub": "${Bucket.Arn}/${Prefix}/*"},
    "s3:DeleteObject": {"Fn::Sub": "${Bucket.Arn}/${Prefix}/*"},
    "s3:AbortMultipartUpload": {"Fn::Sub": "${Bucket.Arn}/${Prefix}/*"},
}


def rights(policy: dict) -> list[str]:
    found = []
    granted = set()
    for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
        for action in statement["Action"]:
            granted.add(action)
            if action not in RIGHTS:
                found.append(f"the service needs no {action}")
            elif statement["Resource"] != RIGHTS[action]:
                found.append(f"{action} reaches further than the prefix")
        if "Condition" in statement:
            found.append(f"{statement['Sid']}: under a condition an absent object is answered 403, not 404")
    return found + [f"the service needs {action}" for action in RIGHTS if action not in granted]
