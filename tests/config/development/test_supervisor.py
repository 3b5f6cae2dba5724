"""Programs that end: started again a few times, and given up then."""

from tests.config.project import run_python

_RUN = """
import sys
from config.development import supervisor
from config.development.supervisor import ProgramEnded, Supervisor
supervisor.PAUSES_SECONDS = (0.1, 0.2, 0.3)
supervisor.STEADY_SECONDS = {steady}
try:
    with Supervisor() as programs:
        programs.start("other", ["sleep", "600"], {{}})
        programs.start("bad", [sys.executable, "-c", "print('here'); raise SystemExit(3)"], {{}})
        programs.{wait}
except ProgramEnded as ended:
    # Only now all that the programs have said is passed on.
    print(ended.name, "ended with", ended.exit_code)
"""


def test_a_program_that_ends_again_and_again_is_given_up() -> None:
    ended = run_python("-c", _RUN.format(steady=60, wait="keep_running()"))

    assert ended.stdout.count("bad    | here") == 4
    assert "bad    | Ended with exit code 3; starts again in 0.3 s." in ended.stdout
    assert ended.stdout.endswith("bad ended with 3\n")


def test_before_the_shop_is_up_the_first_end_is_the_last() -> None:
    ended = run_python("-c", _RUN.format(steady=60, wait="wait_until(lambda: False)"))

    assert ended.stdout == "bad    | here\nbad ended with 3\n"
