"""Replays stacks' resources through boto3 against moto, so that botocore's service models judge every field.

Usage: replay.py GRAPHS.json    ({name: {"region", "resources": [{"type", "name", "inputs"}]}}, inputs with the provider's names)
Prints {name: {"called": {…}, "validated": {…}, "refused": sentence or null}}: how often each API call was made, and what moto lacks and botocore's model alone has judged.
One server for all stacks, empty before each.
"""
import json
import logging
import sys
from collections import Counter
from urllib.request import Request, urlopen

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from apimodel import check, dimensions, pascal, query, whole

CREDENTIALS = dict(aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="hunter2")
CLIENTS = {}


class Replay:
    def __init__(self, endpoint, region):
        self.endpoint, self.region = endpoint, region
        self.called, self.validated = Counter(), Counter()

    def client(self, service, region):
        if (service, region) not in CLIENTS:
            CLIENTS[service, region] = boto3.client(service, region_name=region, endpoint_url=self.endpoint,
                                                    config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}), **CREDENTIALS)
        return CLIENTS[service, region]

    def call(self, service, operation, region=None, **parameters):
        check(service, operation, parameters)
        client = self.client(service, region or self.region)
        name = next(k for k, v in client.meta.method_to_api_mapping.items() if v == operation)
        answer = getattr(client, name)(**parameters)
        self.called[f"{service}:{operation}"] += 1
        return answer

    def validate(self, service, operation, **parameters):
        check(service, operation, parameters)
        self.validated[f"{service}:{operation}"] += 1

    # One method per resource type.

    def bucket(self, i):
        region = i.get("region", self.region)
        arguments = {"CreateBucketConfiguration": {"LocationConstraint": region}} if region != "us-east-1" else {}
        self.call("s3", "CreateBucket", region, Bucket=i["bucket"], ObjectLockEnabledForBucket=i.get("objectLockEnabled", False), **arguments)

    def bucketVersioning(self, i):
        self.call("s3", "PutBucketVersioning", i.get("region"), Bucket=i["bucket"], VersioningConfiguration=pascal(i["versioningConfiguration"]))

    def bucketOwnershipControls(self, i):
        self.call("s3", "PutBucketOwnershipControls", i.get("region"), Bucket=i["bucket"], OwnershipControls={"Rules": [pascal(i["rule"])]})

    def bucketPublicAccessBlock(self, i):
        names = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
        self.call("s3", "PutPublicAccessBlock", i.get("region"), Bucket=i["bucket"], PublicAccessBlockConfiguration=pascal({n: i[n] for n in names}))

    def bucketServerSideEncryptionConfiguration(self, i):
        rules = []
        for rule in i["rules"]:
            default = rule["applyServerSideEncryptionByDefault"]
            made = {"SSEAlgorithm": default["sseAlgorithm"]}
            if "kmsMasterKeyId" in default:
                made["KMSMasterKeyID"] = default["kmsMasterKeyId"]
            rules.append({"ApplyServerSideEncryptionByDefault": made, "BucketKeyEnabled": rule["bucketKeyEnabled"],
                          "BlockedEncryptionTypes": {"EncryptionType": rule["blockedEncryptionTypes"]}})
        self.call("s3", "PutBucketEncryption", i.get("region"), Bucket=i["bucket"], ServerSideEncryptionConfiguration={"Rules": rules})

    def bucketObjectLockConfiguration(self, i):
        self.call("s3", "PutObjectLockConfiguration", i.get("region"), Bucket=i["bucket"],
                  ObjectLockConfiguration={"ObjectLockEnabled": i["objectLockEnabled"], "Rule": pascal(i["rule"])})
        back = self.call("s3", "GetObjectLockConfiguration", i.get("region"), Bucket=i["bucket"])
        default = back["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
        assert default == default | pascal(i["rule"])["DefaultRetention"], back

    def bucketLifecycleConfiguration(self, i):
        rules = []
        for rule in i["rules"]:
            made = {"ID": rule["id"], **pascal({k: v for k, v in rule.items() if k not in ("id", "filter")})}
            filter_ = rule["filter"]
            if "and" in filter_:
                tags = [{"Key": k, "Value": v} for k, v in filter_["and"]["tags"].items()]
                made["Filter"] = {"And": {"Prefix": filter_["and"]["prefix"], "Tags": tags}}
            else:
                made["Filter"] = pascal(filter_)
            rules.append(made)
        self.call("s3", "PutBucketLifecycleConfiguration", i.get("region"), Bucket=i["bucket"], LifecycleConfiguration={"Rules": rules},
                  TransitionDefaultMinimumObjectSize=i["transitionDefaultMinimumObjectSize"])
        back = self.call("s3", "GetBucketLifecycleConfiguration", i.get("region"), Bucket=i["bucket"])
        assert [r["ID"] for r in back["Rules"]] == [r["id"] for r in i["rules"]], back

    def bucketReplicationConfig(self, i):
        rules = []
        for rule in i["rules"]:
            made = {"ID": rule["id"], **pascal({k: v for k, v in rule.items() if k != "id"})}
            key = made["Destination"].pop("EncryptionConfiguration")
            made["Destination"]["EncryptionConfiguration"] = {"ReplicaKmsKeyID": key["ReplicaKmsKeyId"]}
            rules.append(made)
        self.call("s3", "PutBucketReplication", Bucket=i["bucket"], ReplicationConfiguration={"Role": i["role"], "Rules": rules})

    def bucketNotification(self, i):
        assert i["eventbridge"] is True, i
        self.call("s3", "PutBucketNotificationConfiguration", Bucket=i["bucket"], NotificationConfiguration={"EventBridgeConfiguration": {}})

    def bucketPolicy(self, i):
        self.call("s3", "PutBucketPolicy", i.get("region"), Bucket=i["bucket"], Policy=i["policy"])

    def bucketObjectv2(self, i):
        self.call("s3", "PutObject", Bucket=i["bucket"], Key=i["key"], Body=i["content"].encode(), ContentType=i["contentType"])

    def key(self, i):
        made = self.call("kms", "CreateKey", i.get("region"), Description=i["description"], Policy=i["policy"])
        self.call("kms", "EnableKeyRotation", i.get("region"), KeyId=made["KeyMetadata"]["KeyId"], RotationPeriodInDays=i["rotationPeriodInDays"])

    def role(self, i):
        extra = {"PermissionsBoundary": i["permissionsBoundary"]} if "permissionsBoundary" in i else {}
        self.call("iam", "CreateRole", RoleName=i["name"], AssumeRolePolicyDocument=i["assumeRolePolicy"],
                  **({"MaxSessionDuration": i["maxSessionDuration"]} if "maxSessionDuration" in i else {}), **extra)

    def policy(self, i):
        self.call("iam", "CreatePolicy", PolicyName=i["name"], PolicyDocument=i["policy"])

    def rolePolicy(self, i):
        self.call("iam", "PutRolePolicy", RoleName=i["role"], PolicyName=i["name"], PolicyDocument=i["policy"])

    def openIdConnectProvider(self, i):
        self.call("iam", "CreateOpenIDConnectProvider", Url=i["url"], ClientIDList=i["clientIdLists"])

    def secret(self, i):
        made = self.call("secretsmanager", "CreateSecret", Name=i["name"], Description=i["description"],
                         Tags=[{"Key": k, "Value": v} for k, v in i["tags"].items()])
        self.call("secretsmanager", "PutResourcePolicy", SecretId=made["ARN"], ResourcePolicy=i["policy"])

    def secretRotation(self, i):
        self.validate("secretsmanager", "RotateSecret", SecretId=i["secretId"], RotationLambdaARN=i["rotationLambdaArn"],
                      RotateImmediately=i["rotateImmediately"], RotationRules=pascal(i["rotationRules"]))

    def topic(self, i):
        self.call("sns", "CreateTopic", Name=i["name"], Attributes={"SignatureVersion": str(i["signatureVersion"])})

    def topicPolicy(self, i):
        self.call("sns", "SetTopicAttributes", TopicArn=self.ours(i["arn"]), AttributeName="Policy", AttributeValue=i["policy"])

    def topicSubscription(self, i):
        attributes = {k[0].upper() + k[1:]: str(i[k]).lower() if isinstance(i[k], bool) else i[k] for k in ("rawMessageDelivery", "redrivePolicy") if k in i}
        self.call("sns", "Subscribe", TopicArn=self.ours(i["topic"]), Protocol=i["protocol"], Endpoint=i["endpoint"], Attributes=attributes)

    def queue(self, i):
        self.call("sqs", "CreateQueue", QueueName=i["name"], Attributes={
            "MessageRetentionPeriod": str(i["messageRetentionSeconds"]), "SqsManagedSseEnabled": str(i["sqsManagedSseEnabled"]).lower()})

    def queuePolicy(self, i):
        json.loads(i["policy"])
        self.validate("sqs", "SetQueueAttributes", QueueUrl=i["queueUrl"], Attributes={"Policy": i["policy"]})

    def scheduleGroup(self, i):
        self.call("scheduler", "CreateScheduleGroup", Name=i["name"])

    def schedule(self, i):
        target = {k: pascal(v) if isinstance(v, dict) else v for k, v in pascal(i["target"]).items()}
        json.loads(target["Input"])
        self.call("scheduler", "CreateSchedule", Name=i["name"], GroupName=i["groupName"], ScheduleExpression=i["scheduleExpression"],
                  ScheduleExpressionTimezone=i["scheduleExpressionTimezone"], FlexibleTimeWindow=pascal(i["flexibleTimeWindow"]), Target=target)

    def metricAlarm(self, i):
        made = {"AlarmName": i["name"], "OKActions": i["okActions"],
                **{k[0].upper() + k[1:]: i[k] for k in ("alarmDescription", "alarmActions", "comparisonOperator", "threshold", "evaluationPeriods", "datapointsToAlarm",
                                                        "treatMissingData", "namespace", "metricName", "statistic", "period") if k in i}}
        made["Threshold"] = float(made["Threshold"])
        if "dimensions" in i:
            made["Dimensions"] = dimensions(i["dimensions"])
        if "metricQueries" in i:
            made["Metrics"] = [query(q) for q in i["metricQueries"]]
            assert sum(q["ReturnData"] for q in made["Metrics"]) == 1
        periods = [made.get("Period", 0)] + [q["MetricStat"]["Period"] for q in made.get("Metrics", []) if "MetricStat" in q]
        total = max(periods) * made["EvaluationPeriods"]
        assert total <= (604800 if max(periods) >= 3600 else 86400), f"{i['name']}: {total} s are more than CloudWatch evaluates"
        self.call("cloudwatch", "PutMetricAlarm", **made)

    def dashboard(self, i):
        body = json.loads(i["dashboardBody"])
        assert len(body["widgets"]) <= 500
        for widget in body["widgets"]:
            assert widget["x"] + widget["width"] <= 24, widget
        answer = self.call("cloudwatch", "PutDashboard", DashboardName=i["dashboardName"], DashboardBody=i["dashboardBody"])
        assert not answer.get("DashboardValidationMessages"), answer

    def eventRule(self, i):
        self.call("events", "PutRule", Name=i["name"], EventPattern=i["eventPattern"], State=i["state"], Description=i["description"])
        self.validate("events", "TestEventPattern", EventPattern=i["eventPattern"], Event="{}")

    def eventTarget(self, i):
        target = {"Id": "one", "Arn": i["arn"], "DeadLetterConfig": pascal(i["deadLetterConfig"])}
        if "inputTransformer" in i:
            paths = i["inputTransformer"]["inputPaths"]
            target["InputTransformer"] = {"InputPathsMap": paths, "InputTemplate": i["inputTransformer"]["inputTemplate"]}
            # What EventBridge does: each variable becomes a JSON text.
            filled = target["InputTransformer"]["InputTemplate"]
            for name in paths:
                filled = filled.replace(f"<{name}>", json.dumps("a/b.json"))
            json.loads(filled)
        self.call("events", "PutTargets", Rule=i["rule"], Targets=[target])

    def trail(self, i):
        self.call("cloudtrail", "CreateTrail", Name=i["name"], S3BucketName=i["s3BucketName"], EnableLogFileValidation=i["enableLogFileValidation"],
                  IsMultiRegionTrail=i["isMultiRegionTrail"], IncludeGlobalServiceEvents=i["includeGlobalServiceEvents"] or i["isMultiRegionTrail"])
        selectors = []
        for selector in i["advancedEventSelectors"]:
            fields = [{{"startsWiths": "StartsWith", "equals": "Equals", "field": "Field"}[k]: v for k, v in f.items()} for f in selector["fieldSelectors"]]
            selectors.append({"Name": selector["name"], "FieldSelectors": fields})
        self.call("cloudtrail", "PutEventSelectors", TrailName=i["name"], AdvancedEventSelectors=selectors)

    def logGroup(self, i):
        self.call("logs", "CreateLogGroup", logGroupName=i["name"])
        self.call("logs", "PutRetentionPolicy", logGroupName=i["name"], retentionInDays=i["retentionInDays"])

    def function(self, i):
        self.validate("lambda", "CreateFunction", FunctionName=i["name"], PackageType=i["packageType"], Code={"ImageUri": i["imageUri"]}, Role=i["role"],
                      Architectures=i["architectures"], MemorySize=i["memorySize"], Timeout=i["timeout"],
                      Environment={"Variables": i["environment"]["variables"]}, LoggingConfig=pascal(i["loggingConfig"]))
        assert len(json.dumps(i["environment"]["variables"])) <= 4096, f"{i['name']}: the environment is larger than 4 KB"

    def functionEventInvokeConfig(self, i):
        self.validate("lambda", "PutFunctionEventInvokeConfig", FunctionName=i["functionName"], MaximumRetryAttempts=i["maximumRetryAttempts"],
                      MaximumEventAgeInSeconds=i["maximumEventAgeInSeconds"], DestinationConfig=pascal(i["destinationConfig"]))

    def permission(self, i):
        self.validate("lambda", "AddPermission", FunctionName=i["function"], StatementId="x", Action=i["action"], Principal=i["principal"],
                      SourceArn=i["sourceArn"], SourceAccount=i["sourceAccount"])

    def cluster(self, i):
        self.call("ecs", "CreateCluster", clusterName=i["name"], settings=i["settings"])

    def taskDefinition(self, i):
        extra = {"ephemeralStorage": {"sizeInGiB": i["ephemeralStorage"]["sizeInGib"]}} if "ephemeralStorage" in i else {}
        self.call("ecs", "RegisterTaskDefinition", family=i["family"], requiresCompatibilities=i["requiresCompatibilities"], networkMode=i["networkMode"],
                  cpu=i["cpu"], memory=i["memory"], runtimePlatform=i["runtimePlatform"], executionRoleArn=i["executionRoleArn"], taskRoleArn=i["taskRoleArn"],
                  containerDefinitions=json.loads(i["containerDefinitions"]), **extra)

    def repository(self, i):
        self.call("ecr", "CreateRepository", repositoryName=i["name"], imageScanningConfiguration=i["imageScanningConfiguration"])

    def lifecyclePolicy(self, i):
        self.call("ecr", "PutLifecyclePolicy", repositoryName=i["repository"], lifecyclePolicyText=i["policy"])

    def budget(self, i):
        self.validate("budgets", "CreateBudget", AccountId="111122223333", Budget={
            "BudgetName": i["name"], "BudgetType": i["budgetType"], "TimeUnit": i["timeUnit"], "BudgetLimit": {"Amount": i["limitAmount"], "Unit": i["limitUnit"]},
            "CostFilters": {f["name"]: f["values"] for f in i["costFilters"]}})

    def slackChannelConfiguration(self, i):
        self.validate("chatbot", "CreateSlackChannelConfiguration", ConfigurationName=i["configurationName"], IamRoleArn=i["iamRoleArn"], SlackTeamId=i["slackTeamId"],
                      SlackChannelId=i["slackChannelId"], SnsTopicArns=i["snsTopicArns"], GuardrailPolicyArns=i["guardrailPolicyArns"], LoggingLevel=i["loggingLevel"])

    def ours(self, arn):
        """moto's account is 123456789012; the stack's ARNs have their own."""
        return ":".join([*arn.split(":")[:4], "123456789012", *arn.split(":")[5:]])


# Shared by the network and by names; what is in no list is an error, so that nothing is left out silently.
ORDER = ["key", "bucket", "bucketVersioning", "bucketOwnershipControls", "bucketPublicAccessBlock", "bucketServerSideEncryptionConfiguration",
         "bucketObjectLockConfiguration", "bucketLifecycleConfiguration", "policy", "role", "rolePolicy", "openIdConnectProvider", "bucketReplicationConfig",
         "bucketObjectv2", "bucketNotification", "bucketPolicy", "secret", "queue", "queuePolicy", "topic", "topicPolicy", "topicSubscription", "trail", "repository", "lifecyclePolicy",
         "cluster", "taskDefinition", "logGroup", "function", "functionEventInvokeConfig", "permission", "secretRotation", "scheduleGroup", "schedule",
         "metricAlarm", "eventRule", "eventTarget", "dashboard", "budget", "slackChannelConfiguration"]
LEFT_OUT = {"alias": "named in key policies only", "image": "docker, not AWS", "defaultSecurityGroup": "network", "internetGateway": "network", "routeTable": "network",
            "routeTableAssociation": "network", "securityGroup": "network", "subnet": "network", "vpc": "network", "vpcEndpoint": "network"}


def replay(endpoint, graph):
    kinds = [(r["type"].split("/")[-1].split(":")[0] if "/" in r["type"] else r["type"].split(":")[-1].lower(), r) for r in graph["resources"]]
    unknown = {kind for kind, _ in kinds} - set(ORDER) - set(LEFT_OUT)
    if unknown:
        sys.exit(f"replay.py does not know {', '.join(sorted(unknown))}: add a method, or say why it is left out")
    urlopen(Request(f"{endpoint}/moto-api/reset", method="POST")).close()
    stack, refused = Replay(endpoint, graph["region"]), None
    for kind, resource in sorted(kinds, key=lambda k: ORDER.index(k[0]) if k[0] in ORDER else -1):
        if kind in LEFT_OUT:
            continue
        try:
            getattr(stack, kind)(whole(resource["inputs"]))
        except Exception as error:  # the first refusal is shown with the resource that it is about
            refused = f"{resource['type']} {resource['name']}: {type(error).__name__}: {error}"
            break
    return {"called": stack.called, "validated": stack.validated, "refused": refused}


def main(path):
    with open(path, encoding="utf-8") as file:
        graphs = json.load(file)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        print(json.dumps({name: replay(f"http://{host}:{port}", graph) for name, graph in graphs.items()}))
    finally:
        server.stop()


if __name__ == "__main__":
    main(sys.argv[1])
