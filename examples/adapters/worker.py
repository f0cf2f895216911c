#!/usr/bin/env python3
"""A worker of the orchestrator's pool protocol that does what its request plans: it sleeps, then ends as told.

One JSON object per line. On standard output it says {"type": "ready"}, a heartbeat now and then, and answers; on
standard input it reads {"type": "request", "id", "action", "payload"}. The plan is in the payload, as a JSON text under
`request_id` or under `plan`: {"demand_ms": 40, "fate": "ok", "key": "17"}.

Fates: ok; error: an error answer after the demand; crash: the process leaves after it; crash1: only the first time a
worker has this key (marked by a file in POOLSIM_SCRATCH); hang: no answer, heartbeats go on; freeze: the process stops.
"""

import json
import os
import signal
import sys
import threading
import time

lock = threading.Lock()


def say(message):
    with lock:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def beat(seconds):
    while True:
        time.sleep(seconds)
        say({"type": "heartbeat"})


def first_time(key):
    """Whether no worker has had this key before."""
    path = os.path.join(os.environ.get("POOLSIM_SCRATCH", "."), "crashed-%s" % key)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False


def work(request):
    payload = request.get("payload") or {}
    plan = payload.get("plan") or json.loads(payload.get("request_id") or "{}")
    fate = plan.get("fate", "ok")
    if fate == "crash1":
        fate = "crash" if first_time(plan.get("key", "0")) else "ok"
    if fate == "hang":
        # Until the pool's time-out kills it.
        time.sleep(1e9)
    time.sleep(plan.get("demand_ms", 0) / 1000.0)
    if fate == "crash":
        os._exit(3)
    if fate == "freeze":
        os.kill(os.getpid(), signal.SIGSTOP)
    if fate == "error":
        say({"type": "response", "id": request["id"], "status": "error", "error": "as planned", "code": "GENERATION_ERROR"})
    else:
        say({"type": "response", "id": request["id"], "status": "ok", "result": {}})


def main():
    interval = float(os.environ.get("ORCHESTRATOR_WORKER_HEARTBEAT_INTERVAL_MS", "5000")) / 1000.0
    say({"type": "ready"})
    threading.Thread(target=beat, args=(max(interval, 0.05),), daemon=True).start()
    for line in sys.stdin:
        if line.strip():
            work(json.loads(line))


if __name__ == "__main__":
    main()
