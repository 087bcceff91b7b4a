"""A program of its own: start as the stream function does, then judge one payload.

Arguments: folder of the code and its libraries, compiled rules, payload as JSON. Prints CPU
milliseconds and MiB as JSON. It imports nothing else before the clock runs.
"""

import sys
import time


def main(code: str, artefact: str, payload: str) -> None:
    sys.path.insert(0, code)
    start = time.process_time()

    import lambdas.stream  # noqa: F401  # what Lambda imports: handler, Powertools, engine
    from ekswatch.audit.intake import read_parts
    from ekswatch.correlate.baseline import Baseline, Memory
    from ekswatch.rules.matcher.engine import Engine
    from ekswatch.rules.ruleset import load

    imported = time.process_time()
    with open(artefact, "rb") as stream:
        ruleset = load(stream.read())
    loaded = time.process_time()
    engine, baseline = Engine(ruleset), Baseline(ruleset, Memory(), "bench")
    ready = time.process_time()

    import gc
    import json

    gc.freeze()
    with open(payload, "rb") as stream:
        event = json.loads(stream.read())
    begun = time.process_time()
    events = lost = matches = 0
    for batch in read_parts(event):  # as the function does: a large payload comes in parts
        found_here = engine.match(batch.events, baseline)
        matches += len(baseline.judge(found_here, batch.events).matches)
        events += len(batch.events)
        lost += len(batch.unreadable)
    judged = time.process_time()
    found = {
        "import_ms": 1000 * (imported - start),
        "load_ms": 1000 * (loaded - imported),
        "build_ms": 1000 * (ready - loaded),
        "init_ms": 1000 * (ready - start),
        "first_payload_ms": 1000 * (judged - begun),
        "events": events,
        "lost": lost,
        "matches": matches,
        "peak_mib": peak_mib(),
        "modules": sorted({name.partition(".")[0] for name in sys.modules}),
    }
    sys.stdout.write(json.dumps(found))


def peak_mib() -> float:
    """The most memory this process was resident with: Linux's VmHWM, else what getrusage says."""
    try:
        with open("/proc/self/status") as stream:
            line = next(line for line in stream if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    except OSError:
        import resource

        unit = 1024 * 1024 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    main(*sys.argv[1:])
