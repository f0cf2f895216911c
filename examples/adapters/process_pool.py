#!/usr/bin/env python3
"""Drives Python's concurrent.futures.ProcessPoolExecutor, for `poolsim replay --target command`.

    [target.command]
    run = ["python3", "examples/adapters/process_pool.py"]

The executor has as many workers as the model's first pool has slots (or `max_workers` of the settings). A job sleeps for
its demand, burning a core for the share of it that is work of a core. When a worker dies the executor is broken: all its
jobs end as crashes and a new executor takes its place, which is how applications use it. The protocol is
docs/adapter-protocol.md; nothing but the standard library is needed.
"""

import json
import multiprocessing
import multiprocessing.connection
import multiprocessing.util
import os
import signal
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

# The monotonic clock is one for all processes of a machine.
now = time.monotonic
lock = threading.Lock()


def say(message):
    with lock:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


class Planned(Exception):
    """The error that a job was planned to end with; it carries who began it, and when."""


starts = None
gate = None


def enter(queue, event):
    """Runs first in each worker."""
    global starts, gate
    starts, gate = queue, event
    # Standard input is the adapter's alone, and interruptions are its affair.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    starts.put(("ready", os.getpid(), now(), None))


def hold():
    """Keeps a worker until all have been started."""
    gate.wait(10)


def work(job):
    """Runs in a worker."""
    began = (os.getpid(), now())
    starts.put(("started", *began, job))
    fate = job["fate"]
    if fate == "crash1":
        fate = "ok" if job["again"] else "crash"
    if fate == "hang":
        time.sleep(1e9)
    seconds = job["demand_ms"] / 1000.0
    busy = time.process_time() + seconds * job["cpu_share"]
    end = now() + seconds
    while time.process_time() < busy:
        pass
    time.sleep(max(0.0, end - now()) if job["cpu_share"] < 1.0 else 0.0)
    if fate == "crash":
        os._exit(3)
    if fate == "freeze":
        os.kill(os.getpid(), signal.SIGSTOP)
    if fate == "error":
        raise Planned(*began)
    return began


class Adapter:
    """One executor at a time, and what is under way on it."""

    def __init__(self, hello):
        settings = hello.get("settings", {})
        self.pool = hello["pools"][0]["name"]
        self.size = int(settings.get("max_workers", hello["pools"][0]["slots"] or os.cpu_count()))
        method = settings.get("start_method", "forkserver")
        self.context = multiprocessing.get_context(method)
        self.slots, self.tried, self.ready = {}, set(), 0
        # Starts and ends come on two ways: a start is told once, and before the end.
        self.begun, self.ended = set(), set()
        self.state = threading.RLock()
        self.executor = None

    def begin(self):
        """Starts an executor and all its workers."""
        with self.state:
            # A queue of its own, as a worker that is killed may hold the lock of the old one for ever.
            queue = self.context.SimpleQueue()
            threading.Thread(target=self.hear, args=(queue,), daemon=True).start()
            event = self.context.Event()
            executor = ProcessPoolExecutor(self.size, self.context, enter, (queue, event))
            # The executor starts a worker for a job that finds none idle: none is until all have been started.
            for _ in range(self.size):
                executor.submit(hold)
            event.set()
            self.executor = executor
            for slot, process in enumerate(list(executor._processes.values())):
                self.slots[process.pid] = slot
                say({"type": "worker_spawned", "pool": self.pool, "worker": slot, "t_ms": now() * 1e3})
                threading.Thread(target=self.await_exit, args=(process, slot), daemon=True).start()

    def await_exit(self, process, slot):
        multiprocessing.connection.wait([process.sentinel])
        say({"type": "worker_exited", "pool": self.pool, "worker": slot, "t_ms": now() * 1e3})

    def hear(self, queue):
        """What workers say from inside."""
        while True:
            what, pid, at, job = queue.get()
            if what == "started":
                self.started(job, pid, at)
            else:
                with self.state:
                    slot = self.slots.get(pid, 0)
                say({"type": "worker_ready", "pool": self.pool, "worker": slot, "t_ms": at * 1e3})
                self.ready += 1
                if self.ready == self.size:
                    say({"type": "ready", "t_ms": now() * 1e3})

    def started(self, job, pid, at):
        with self.state:
            self.tried.add(job["request"])
            if job["id"] not in self.begun and job["id"] not in self.ended:
                self.begun.add(job["id"])
                say({"type": "started", "id": job["id"], "worker": self.slots.get(pid, 0), "t_ms": at * 1e3})

    def submit(self, message):
        job = {key: message[key] for key in ("id", "request", "demand_ms", "cpu_share", "fate")}
        # The fate crash1 strikes the first time only that a worker really has the request.
        job["again"] = message["request"] in self.tried
        say({"type": "queued", "id": job["id"], "t_ms": now() * 1e3})
        with self.state:
            executor = self.executor
            try:
                future = executor.submit(work, job)
            except BrokenProcessPool:
                self.renew(executor)
                future = self.executor.submit(work, job)
                executor = self.executor
        future.add_done_callback(lambda future: self.done(job, future, executor))

    def renew(self, broken):
        """Puts a new executor in the place of a broken one, once."""
        with self.state:
            if self.executor is broken:
                broken.shutdown(wait=False)
                self.begin()

    def done(self, job, future, executor):
        at = now() * 1e3
        error = future.exception()
        if error is None or isinstance(error, Planned):
            self.started(job, *(error.args if error else future.result()))
        with self.state:
            self.ended.add(job["id"])
        if error is None:
            return say({"type": "finished", "id": job["id"], "t_ms": at})
        broken = isinstance(error, BrokenProcessPool)
        say({"type": "failed", "id": job["id"], "outcome": "crash" if broken else "error",
             "detail": type(error).__name__, "t_ms": at})
        if broken:
            # Not from here: the executor's own thread is at work.
            threading.Thread(target=self.renew, args=(executor,), daemon=True).start()


def leave():
    """Ends at once, with all workers: what is under way is nobody's concern any more."""
    sys.stdout.flush()
    for child in multiprocessing.active_children():
        child.kill()
    # What the interpreter does at its own end, less the waiting: else the semaphores of the queues are called leaked.
    multiprocessing.util._run_finalizers(0)
    os._exit(0)


def main():
    adapter = None
    for line in sys.stdin:
        message = json.loads(line)
        kind = message["type"]
        if kind == "sync":
            say({"type": "sync", "n": message["n"], "t_ms": now() * 1e3})
        elif kind == "job":
            adapter.submit(message)
        elif kind == "hello":
            adapter = Adapter(message)
            say({"type": "hello", "protocol": 1, "name": "concurrent.futures.ProcessPoolExecutor",
                 "capabilities": {"takes_demands": True, "takes_fates": True, "reports_starts": True}})
            adapter.begin()
        elif kind == "close":
            break
    leave()


if __name__ == "__main__":
    main()
