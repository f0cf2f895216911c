#!/usr/bin/env python3
"""A tiny stand-in for the orchestrator's HTTP service, for trying `poolsim replay --target http`.

It has the two endpoints of the load test, and nothing but the standard library:

    POST /api/v1/generation/species    takes one of --slots; further requests wait in a queue, first come first served
    POST /api/v1/validators/runtime    takes no slot
    GET  /stats                        counts so far, as JSON

A request is a JSON object. `demand_ms` is how long the work takes (it sleeps), `fate` how it ends: `ok`, `error`,
`crash`, `crash1` (the first time only), `hang` and `freeze` (no answer before --request-timeout-ms). As the real
service does, it answers 500 to everything that is no success and 400 to what it cannot read.

A client that closes its connection takes its job with it. On request the service misbehaves, by a header
`x-misbehave` or the same word in the body under `misbehave`:

    reset      resets the connection instead of answering
    close      closes it instead of answering
    stall      sends half of the answer and then nothing
    endless    sends an answer that never ends
    garbage    answers with what is no HTTP
    refuse     answers, then stops listening (for `refuse_ms`, where given)
    429, 503…  answers with this status

Usage: orchestrator_service.py [--port 8080] [--slots 6] [--request-timeout-ms 90000] [--max-queue N]
                               [--cert FILE --key FILE] [--until-stdin-closes]

It says `listening on HOST:PORT` on standard output once it does; port 0 takes a free one.
"""

import argparse
import asyncio
import collections
import json
import os
import signal
import socket
import ssl
import struct
import sys

GENERATION = "/api/v1/generation/species"
VALIDATORS = "/api/v1/validators/runtime"
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error",
           503: "Service Unavailable", 504: "Gateway Timeout"}


class Pool:
    """Slots, and a queue before them."""

    def __init__(self, slots, max_queue):
        self.free = slots
        self.max_queue = max_queue
        self.waiting = collections.deque()

    def enter(self, job):
        """Starts the job, queues it, or says that there is no room."""
        if self.free > 0:
            self.free -= 1
            job.start()
        elif self.max_queue is not None and len(self.waiting) >= self.max_queue:
            return False
        else:
            self.waiting.append(job)
        return True

    def leave(self, job):
        """The job is over, or was withdrawn."""
        if not job.started:
            self.waiting.remove(job)
            return
        self.free += 1
        if self.waiting:
            self.free -= 1
            self.waiting.popleft().start()


class Job:
    """One request on its way through the service."""

    def __init__(self, service, connection, path, body, misbehave):
        self.service, self.connection = service, connection
        self.pool = service.pool if path == GENERATION else None
        self.demand = float(body.get("demand_ms", 40.0 if self.pool else 5.0)) / 1000.0
        self.fate = body.get("fate", "ok")
        self.id = body.get("request_id", body.get("id"))
        self.misbehave = misbehave or body.get("misbehave")
        self.refuse_ms = body.get("refuse_ms")
        self.started, self.timer = False, None

    def start(self):
        self.started = True
        loop, fate = self.service.loop, self.fate
        if fate == "crash1":
            fate = "ok" if self.id in self.service.crashed else "crash"
            self.service.crashed.add(self.id)
        limit = self.service.timeout
        if fate in ("hang", "freeze") or self.demand > limit:
            self.timer = loop.call_later(limit, self.end, 500, "REQUEST_TIMEOUT")
        elif fate == "error":
            self.timer = loop.call_later(self.demand, self.end, 500, "GENERATION_ERROR")
        elif fate == "crash":
            self.timer = loop.call_later(self.demand, self.end, 500, "WORKER_CRASH")
        else:
            self.timer = loop.call_later(self.demand, self.end, 200, None)

    def end(self, status, code):
        self.connection.job = None
        self.service.counts["ended"] += 1
        # The answer first: the next job's start takes time too.
        self.connection.finish(self, status, {"error": code} if code else {"ok": True, "id": self.id})
        if self.pool:
            self.pool.leave(self)

    def withdraw(self):
        self.service.counts["withdrawn"] += 1
        if self.timer:
            self.timer.cancel()
        if self.pool:
            self.pool.leave(self)


class Connection(asyncio.Protocol):
    """HTTP/1.1, one request after another."""

    def __init__(self, service):
        self.service, self.transport, self.buffer, self.job, self.endless = service, None, b"", None, None

    def connection_made(self, transport):
        self.transport = transport
        self.service.counts["connections"] += 1
        self.service.connections.add(self)

    def connection_lost(self, error):
        self.service.connections.discard(self)
        if self.endless:
            self.endless.cancel()
        if self.job:
            self.job.withdraw()
            self.job = None

    def data_received(self, data):
        self.buffer += data
        self.next_request()

    def next_request(self):
        if self.job or self.endless:
            return
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", "0") or 0)
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        words = lines[0].split(" ")
        self.request(words[0], (words[1] if len(words) > 1 else "/").partition("?")[0], headers, rest[:length])

    def request(self, method, path, headers, body):
        self.close_after = headers.get("connection", "").lower() == "close"
        if method == "GET" and path == "/stats":
            return self.answer(200, self.service.counts)
        if method != "POST" or path not in (GENERATION, VALIDATORS):
            return self.answer(404, {"error": "no such endpoint"})
        self.service.counts["requests"] += 1
        try:
            document = json.loads(body or b"{}")
            job = Job(self.service, self, path, document, headers.get("x-misbehave"))
        except (ValueError, TypeError, AttributeError):
            return self.answer(400, {"error": "a JSON object is expected"})
        self.job = job
        if job.pool is None:
            job.start()
        elif not job.pool.enter(job):
            self.job = None
            self.answer(503, {"error": "the queue is full"})

    def finish(self, job, status, document):
        """Answers, or misbehaves as asked."""
        how = job.misbehave
        if how and how.isdigit():
            self.answer(int(how), {"error": "as asked"})
        elif how == "reset":
            # A linger of no time makes the kernel send a reset.
            linger = struct.pack("ii", 1, 0)
            self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.transport.abort()
        elif how == "close":
            self.transport.close()
        elif how == "stall":
            self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{")
        elif how == "endless":
            self.transport.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            self.flow()
        elif how == "garbage":
            self.transport.write(b"no HTTP at all\r\n\r\n")
        else:
            self.answer(status, document)
            if how == "refuse":
                self.service.refuse(job.refuse_ms)

    def flow(self):
        if not self.transport.is_closing():
            self.transport.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
            self.endless = self.service.loop.call_later(0.005, self.flow)

    def answer(self, status, document):
        body = json.dumps(document).encode()
        head = "HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n" % (
            status, REASONS.get(status, "Status"), len(body))
        if self.close_after:
            head += "connection: close\r\n"
        self.transport.write(head.encode() + b"\r\n" + body)
        if self.close_after:
            self.transport.close()
        elif self.buffer:
            self.service.loop.call_soon(self.next_request)


class Service:
    """Everything that connections share."""

    def __init__(self, options):
        self.loop = asyncio.get_running_loop()
        self.options = options
        self.pool = Pool(options.slots, options.max_queue)
        self.timeout = options.request_timeout_ms / 1000.0
        self.counts = {"requests": 0, "ended": 0, "withdrawn": 0, "connections": 0}
        self.crashed = set()
        self.connections = set()
        self.server = None
        self.port = options.port

    async def listen(self):
        context = None
        if self.options.cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.options.cert, self.options.key)
        self.server = await self.loop.create_server(
            lambda: Connection(self), self.options.host, self.port, ssl=context, backlog=4096)
        self.port = self.server.sockets[0].getsockname()[1]

    def refuse(self, milliseconds):
        """Stops listening and drops idle connections, so that the next request finds nobody."""
        self.server.close()
        for connection in list(self.connections):
            if connection.job is None:
                connection.transport.close()
        if milliseconds is not None:
            self.loop.call_later(milliseconds / 1000.0, lambda: self.loop.create_task(self.listen()))


async def main(options):
    service = Service(options)
    await service.listen()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        service.loop.add_signal_handler(number, stop.set)
    if options.until_stdin_closes:
        def read():
            if not os.read(0, 4096):
                service.loop.remove_reader(0)
                stop.set()
        service.loop.add_reader(0, read)
    print("listening on %s:%d" % (options.host, service.port), flush=True)
    await stop.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--slots", type=int, default=6)
    parser.add_argument("--max-queue", type=int, default=None)
    parser.add_argument("--request-timeout-ms", type=float, default=90000.0)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--until-stdin-closes", action="store_true")
    try:
        asyncio.run(main(parser.parse_args()))
    except KeyboardInterrupt:
        sys.exit(130)
