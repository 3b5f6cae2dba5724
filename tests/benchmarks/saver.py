"""Save all unsaved carts in a process of its own, and print what that took, as JSON."""

import json
import resource
import time

import django


def main() -> None:
    django.setup()
    # Not imported before there are settings.
    from carts.live.keys import shard_prefixes
    from carts.permanent.saving import SaveResult, save_unsaved

    began, worked = time.perf_counter(), time.process_time()
    results = (r for prefix in shard_prefixes() for r in save_unsaved(prefix=prefix, source="bench"))
    total = sum(results, SaveResult())
    print(
        json.dumps(
            {
                "saved": total.saved,
                "seconds": time.perf_counter() - began,
                "cpu_seconds": time.process_time() - worked,
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024,
            }
        )
    )


if __name__ == "__main__":
    main()
