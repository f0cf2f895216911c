"""A worker process for `poolsim replay --target process --worker "python3 examples/worker.py"`.

It speaks JSON lines: says `ready`, sends heartbeats from a thread of its own, takes requests from standard input one
after another and answers each. The payload says what to do: work for `demand_ms` milliseconds, `cpu_share` of it on a
core, and come to the end that `fate` names. Put your own work in place of `work`.
"""

import json
import os
import signal
import sys
import threading
import time

HEARTBEAT_SECONDS = float(os.environ.get("HEARTBEAT_SECONDS", "1"))
writing = threading.Lock()


def say(message):
    line = json.dumps(message) + "\n"
    # One write under one lock: two threads never mix their lines.
    with writing:
        sys.stdout.write(line)
        sys.stdout.flush()


def beat():
    while True:
        time.sleep(HEARTBEAT_SECONDS)
        say({"type": "heartbeat"})


def work(seconds, cpu_share):
    """Work in turns of five milliseconds: a share of each on a core, the rest asleep."""
    turn, done, slept, burnt = 0.005, 0.0, 0.0, 0.0
    if cpu_share <= 0:
        time.sleep(seconds)
        return
    while done < seconds:
        done = min(done + turn, seconds)
        start = time.thread_time()
        while burnt + time.thread_time() - start < done * cpu_share:
            pass
        burnt += time.thread_time() - start
        rest = done * (1 - cpu_share) - slept
        if rest > 0:
            before = time.perf_counter()
            time.sleep(rest)
            slept += time.perf_counter() - before


def serve(request):
    payload = request.get("payload") or {}
    fate = payload.get("fate", "ok")
    if fate == "hang":
        while True:
            time.sleep(3600)
    work(float(payload.get("demand_ms", 0)) / 1000, float(payload.get("cpu_share", 0)))
    if fate == "crash":
        os._exit(13)
    if fate == "freeze":
        os.kill(os.getpid(), signal.SIGSTOP)
    if fate == "error":
        return {"status": "error", "error": "the payload asked for an error", "code": "ASKED_FOR"}
    return {"status": "ok", "result": {"action": request.get("action")}}


def main():
    say({"type": "ready"})
    threading.Thread(target=beat, daemon=True).start()
    for line in sys.stdin:
        try:
            request = json.loads(line)
        except ValueError:
            print("not a line of JSON", file=sys.stderr)
            continue
        if request.get("type") == "request":
            say({"type": "response", "id": request.get("id"), **serve(request)})


if __name__ == "__main__":
    main()
