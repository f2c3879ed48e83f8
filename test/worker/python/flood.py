"""Produces requests with librdkafka, as a stream job would: as fast as it can, compressed, some of them poison.

The plan comes as JSON on the command line. What became of it goes to the standard output, as JSON: how many good ones
Kafka has acknowledged, and for each poison where it is (`<partition>/<offset>`) and of which kind.
"""

import json
import sys

from confluent_kafka import Producer

FLUSH_SECONDS = 120
MESSAGE_BYTES_MAX = 4 * 1024 * 1024
# Of a hundred messages this one is poison.
POISON_EVERY = 100
POISON_AT = 37


def body(target=None, **more):
    parameters = [] if target is None else [{"name": "target", "value": target}]
    vendor = {"vendor": "SecurityActions", "provider": "Simulator"}
    return {"name": "Simulate", "parameters": parameters, "vendorInformation": vendor, **more}


def poison(token):
    """Each kind with its value and its token."""
    good = json.dumps(body())
    return {
        "bad JSON": (good[:-1], token),
        "empty": ("", token),
        "tombstone": (None, token),
        "2 MB": (json.dumps(body(actionReason="x" * 2_000_000)), token),
        "U+0000": (json.dumps(body("a\u0000b")), token),
        "lone surrogate": (json.dumps(body("\ud800")), token),
        "wrong types": (json.dumps({**body(), "parameters": "none"}), token),
        "unknown provider": (json.dumps({**body(), "vendorInformation": {"provider": "Gone"}}), token),
        "bad token": (good, "not.a.token"),
        "other tenant": (json.dumps(body(azureTenantId="tenant-b")), token),
    }


class Flood:
    def __init__(self, plan):
        self.plan = plan
        self.acknowledged = 0
        self.poison = {}
        self.producer = Producer(
            {
                "bootstrap.servers": plan["brokers"],
                "message.max.bytes": MESSAGE_BYTES_MAX,
                "linger.ms": 5,
                "compression.type": "lz4",
                "enable.idempotence": True,
            }
        )

    def run(self):
        kinds = list(poison(self.plan["token"]).items())
        for index in range(self.plan["count"]):
            turn, place = divmod(index, POISON_EVERY)
            if self.plan["poison"] and place == POISON_AT:
                kind, (value, token) = kinds[turn % len(kinds)]
                self.produce(value, token, f"poison-{index}", kind)
            else:
                target = f"host-{index % self.plan['targets']}" if self.plan["targets"] else None
                self.produce(json.dumps(body(target)), self.plan["token"], str(index), None)
        left = self.producer.flush(FLUSH_SECONDS)
        if left > 0:
            raise RuntimeError(f"{left} messages were not acknowledged within {FLUSH_SECONDS} s")

    def produce(self, value, token, name, kind):
        request_id = f"{self.plan['name']}-{name}"
        headers = {"authorization": f"Bearer {token}", "client-request-id": request_id}
        if self.plan["keyed"]:
            headers["idempotency-key"] = request_id
        while True:
            try:
                self.producer.produce(
                    self.plan["topic"],
                    value,
                    headers=headers,
                    on_delivery=lambda error, message: self.delivered(error, message, kind),
                )
                self.producer.poll(0)
                return
            except BufferError:
                self.producer.poll(0.1)

    def delivered(self, error, message, kind):
        if error is not None:
            raise RuntimeError(str(error))
        if kind is None:
            self.acknowledged += 1
        else:
            self.poison[f"{message.partition()}/{message.offset()}"] = kind


flood = Flood(json.loads(sys.argv[1]))
flood.run()
json.dump({"acknowledged": flood.acknowledged, "poison": flood.poison}, sys.stdout)
