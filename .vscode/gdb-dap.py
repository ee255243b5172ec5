"""For gdb-dap: the buttons "Step Back" and "Reverse", which GDB's adapter lacks (up to GDB 18.1).

It uses internal parts of the adapter. If a GDB version has changed them, the buttons are missing and everything else works.
"""

import gdb


def add_requests():
    from gdb.dap.events import exec_and_expect_stop
    from gdb.dap.server import request
    from gdb.dap.state import set_thread

    @request("stepBack", response=False)
    def step_back(*, threadId: int, granularity: str = "statement", **args):
        set_thread(threadId)
        exec_and_expect_stop("reverse-stepi" if granularity == "instruction" else "reverse-next")

    @request("reverseContinue")
    def reverse_continue(*, threadId: int, **args):
        set_thread(threadId)
        exec_and_expect_stop("reverse-continue &")


def show_buttons():
    """Shows the buttons after connecting, if the machine can go back."""
    if not has_requests:
        return
    from gdb.dap.server import send_event

    if "reverse" in gdb.execute_mi("-list-target-features")["features"]:
        send_event("capabilities", {"capabilities": {"supportsStepBack": True}})


try:
    add_requests()
    has_requests = True
except Exception as error:
    gdb.write(f"no buttons to go back: this GDB's adapter is different: {error}\n", gdb.STDERR)
    has_requests = False
