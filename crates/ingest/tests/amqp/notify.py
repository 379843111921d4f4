"""Publishes notifications as an OpenStack service does, with its own library.

The payload of each holds its number. Prints the number of each that the broker has confirmed.
"""

import argparse

from oslo_config import cfg
import oslo_messaging

parser = argparse.ArgumentParser()
parser.add_argument("--url", required=True)
parser.add_argument("--exchange", required=True)
parser.add_argument("--driver", required=True)
parser.add_argument("--topics", required=True)
parser.add_argument("--durable", action="store_true")
parser.add_argument("--versioned", action="store_true")
parser.add_argument("--first", type=int, default=0)
parser.add_argument("--count", type=int, required=True)
parser.add_argument("--pause", type=float, default=0.0)
options = parser.parse_args()

conf = cfg.ConfigOpts()
conf([])
oslo_messaging.set_transport_defaults(options.exchange)
transport = oslo_messaging.get_notification_transport(conf, url=options.url)
conf.set_override("amqp_durable_queues", options.durable, group="oslo_messaging_rabbit")
conf.set_override("heartbeat_timeout_threshold", 0, group="oslo_messaging_rabbit")
notifier = oslo_messaging.Notifier(
    transport,
    publisher_id="nova-compute:compute-04" if options.versioned else "compute.compute-04",
    driver=options.driver,
    topics=options.topics.split(","),
)


def payload(number):
    if not options.versioned:
        return {"number": number, "instance_id": "5a8326a8-3c24-4241-891d-25187119e8c8", "state": "building"}
    return {
        "nova_object.name": "InstanceUpdatePayload",
        "nova_object.data": {"number": number, "uuid": "5a8326a8-3c24-4241-891d-25187119e8c8", "state": "building"},
    }


context = {"request_id": "req-0828ff79-a028-4a47-bb35-7a5a177b7002"}
event_type = "instance.update" if options.versioned else "compute.instance.update"
for number in range(options.first, options.first + options.count):
    notifier.info(context, event_type, payload(number))
    print(number, flush=True)
    if options.pause:
        import time

        time.sleep(options.pause)
