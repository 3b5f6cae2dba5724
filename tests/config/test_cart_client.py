"""cart-client.js in Node: what a server or a script does with it."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.config.project import ROOT

BIN = Path(sys.executable).parent
NODE = shutil.which("node", path=f"{BIN}{os.pathsep}{os.environ['PATH']}") or "node"
MODULE = (ROOT / "config/static/shop/cart-client.js").as_uri()
PREPARE = f"""
const {{ CartClient }} = await import("{MODULE}");
const fetch = async () => new Response("", {{ status: 503, headers: {{ "Retry-After": "90" }} }});
const client = new CartClient({{ baseUrl: "https://shop.example/api", fetch, maxWaitSeconds: 99 }});
"""


def run_script(script: str, *, seconds: float) -> subprocess.CompletedProcess[str]:
    command = [NODE, "--input-type=module", "--eval", PREPARE + script]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdout=pipe, stderr=pipe, text=True, start_new_session=True
    ) as process:
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            # What pip installs as node starts another process, which would go on for ever.
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def test_a_client_that_was_closed_lets_node_exit() -> None:
    ended = run_script("client.close(); console.log('closed');", seconds=60)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "closed\n", "")


def test_a_client_that_was_not_closed_keeps_listening() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run_script("", seconds=3)


def test_calls_under_way_and_later_ones_end_with_the_client() -> None:
    script = """
    const tell = (error) => console.log(error.name);
    const waiting = client.listProducts().catch(tell);
    setTimeout(() => client.close(), 200);
    await waiting;
    await client.getCart().catch(tell);
    await client.logout().catch(tell);
    """

    ended = run_script(script, seconds=60)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "AbortError\n" * 3, "")
