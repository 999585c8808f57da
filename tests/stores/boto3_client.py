"""boto3, which checks requests and answers against AWS's own service model, as a client of the
emulator in its default mode and with shards of its own."""

import subprocess
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

DEADLINE_S = 20


class Emulator:
    """A `dynamodb-emulator` on a free port, for the time of a `with`."""

    def __init__(self, binary, *flags):
        self.command = [binary, "--port", "0", *flags]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        url = self.process.stdout.readline().split()[3]
        settings = {
            "endpoint_url": url,
            "region_name": "eu-west-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "config": Config(retries={"total_max_attempts": 1}),
        }
        return boto3.client("dynamodb", **settings), boto3.client("dynamodbstreams", **settings)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(DEADLINE_S)
        self.process.stdout.close()


def make_table(db, name):
    """A table with a stream; its ARN."""
    description = db.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    return description["LatestStreamArn"]


def put(db, name, key, value="v"):
    db.put_item(TableName=name, Item={"pk": {"S": key}, "value": {"S": value}})


def shards(streams, arn):
    return streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]


def read(streams, arn, count):
    """The keys of the stream's first `count` records, shard by shard, from the beginning."""
    ends = time.monotonic() + DEADLINE_S
    keys, iterators = [], {}
    for shard in shards(streams, arn):
        # boto3 refuses an id of under 28 characters before it sends the request.
        iterators[shard["ShardId"]] = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
    while iterators and len(keys) < count and time.monotonic() < ends:
        for shard, iterator in list(iterators.items()):
            page = streams.get_records(ShardIterator=iterator)
            keys += [record["dynamodb"]["Keys"]["pk"]["S"] for record in page["Records"]]
            if "NextShardIterator" in page:
                iterators[shard] = page["NextShardIterator"]
            else:
                del iterators[shard]
    return keys


def refused(call, **request):
    """The code and the message of the refusal that `call` gets."""
    try:
        call(**request)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    raise AssertionError(f"not refused: {request}")


def shards_are_read(db, streams):
    arn = make_table(db, "abc")
    for shard in shards(streams, arn):
        assert "StartingSequenceNumber" in shard["SequenceNumberRange"], shard
    for key in "123":
        put(db, "abc", key)
    assert sorted(read(streams, arn, 3)) == ["1", "2", "3"]


def arns_carry_the_region(db, streams):
    arn = make_table(db, "regional")
    table = db.describe_table(TableName="regional")["Table"]
    for name in (arn, table["TableArn"], streams.list_streams(TableName="regional")["Streams"][0]["StreamArn"]):
        assert name.startswith("arn:aws:dynamodb:eu-west-1:000000000000:table/regional"), name
    put(db, "regional", "1")
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shards(streams, arn)[0]["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    for record in streams.get_records(ShardIterator=iterator)["Records"]:
        assert record["awsRegion"] == "eu-west-1", record


def a_disabled_stream_stays_readable(db, streams):
    arn = make_table(db, "toggled")
    put(db, "toggled", "1")
    off, on = {"StreamEnabled": False}, {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    code, message = refused(db.update_table, TableName="toggled", StreamSpecification=on)
    assert code == "ValidationException" and "already has an enabled stream" in message, message
    db.update_table(TableName="toggled", StreamSpecification=off)
    put(db, "toggled", "unseen")
    described = streams.describe_stream(StreamArn=arn)["StreamDescription"]
    assert described["StreamStatus"] == "DISABLED", described
    assert all("EndingSequenceNumber" in shard["SequenceNumberRange"] for shard in described["Shards"]), described
    assert read(streams, arn, 2) == ["1"], "read to its end"
    db.update_table(TableName="toggled", StreamSpecification=on)
    again = db.describe_table(TableName="toggled")["Table"]["LatestStreamArn"]
    assert again != arn
    put(db, "toggled", "2")
    assert read(streams, again, 1) == ["2"]
    assert read(streams, arn, 2) == ["1"]


def a_write_that_changes_nothing_is_no_record(db, streams):
    arn = make_table(db, "unchanged")
    put(db, "unchanged", "1")
    put(db, "unchanged", "1")
    db.delete_item(TableName="unchanged", Key={"pk": {"S": "absent"}})
    put(db, "unchanged", "2")
    assert sorted(read(streams, arn, 2)) == ["1", "2"]


def an_unknown_operation_has_a_message(db, streams):
    code, message = refused(db.describe_limits)
    assert code == "UnknownOperationException" and message, (code, message)


CASES = [
    shards_are_read,
    arns_carry_the_region,
    a_disabled_stream_stays_readable,
    a_write_that_changes_nothing_is_no_record,
    an_unknown_operation_has_a_message,
]


def main(binary):
    for flags in ([], ["--shards", "4"]):
        for case in CASES:
            with Emulator(binary, *flags) as clients:
                case(*clients)
            print("ok", case.__name__, *flags)


if __name__ == "__main__":
    main(sys.argv[1])
