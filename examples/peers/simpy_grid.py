"""The large grid of examples/grid.rs in SimPy: a small sample of it, as requests per second.

    pip install simpy
    python examples/peers/simpy_grid.py [requests per point]

Give the figure to `cargo run --release --example grid -- --peer FIGURE`. Both use one process here; times two for two
cores, since points are independent.
"""

import json
import math
import random
import sys
import time

import simpy


def lognormal(rng, mean, cv):
    sigma2 = math.log(1 + cv * cv)
    return rng.lognormvariate(math.log(mean) - sigma2 / 2, math.sqrt(sigma2))


def point(slots, rate, requests, seed):
    env, rng = simpy.Environment(), random.Random(seed)
    pool, waits = simpy.Resource(env, slots), []

    def job():
        arrived = env.now
        work = lognormal(rng, 0.5, 1.0) if rng.random() < 0.8 else lognormal(rng, 5.0, 1.5)
        with pool.request() as slot:
            yield slot
            yield env.timeout(min(work, 30.0))
        waits.append(env.now - arrived)

    def source():
        for _ in range(requests):
            yield env.timeout(rng.expovariate(rate))
            env.process(job())

    env.process(source())
    env.run()
    return len(waits)


def main():
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    corners = [(13, 2.0), (13, 8.0), (22, 5.0), (32, 2.0), (32, 8.0)]
    begin = time.perf_counter()
    done = sum(point(slots, rate, requests, 1) for slots, rate in corners)
    wall = time.perf_counter() - begin
    print(json.dumps({"peer": "simpy", "version": simpy.__version__, "points": len(corners), "requests": done,
                      "wall_s": round(wall, 3), "requests_per_s": round(done / wall)}))


main()
