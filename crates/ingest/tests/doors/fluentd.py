"""Events through Fluentd's library for Python, with and without nanoseconds."""

import sys

from fluent import sender

port = int(sys.argv[1])
for name, nanoseconds in [("coarse", False), ("fine", True)]:
    logger = sender.FluentSender("nova", host="127.0.0.1", port=port, nanosecond_precision=nanoseconds)
    for number in range(100):
        sent = logger.emit_with_time(
            "api", 1795231696 if not nanoseconds else sender.EventTime(1795231696.5),
            {"hostname": name, "log": f"line {number}", "level": "info"},
        )
        assert sent, logger.last_error
    logger.close()
