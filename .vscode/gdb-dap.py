"""For gdb-dap: the buttons "Step Back" and "Reverse", which GDB's adapter does not have (up to GDB 18.1).

Made of the adapter's own parts, which GDB may change: in a version that has other parts there are no such buttons, and all else works.
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
    """Once connected: on a machine that can go back."""
    if not has_requests:
        return
    from gdb.dap.server import send_event

    if "reverse" in gdb.execute_mi("-list-target-features")["features"]:
        send_event("capabilities", {"capabilities": {"supportsStepBack": True}})


try:
    add_requests()
    has_requests = True
except Exception as error:
    gdb.write(f"no buttons that go back: this GDB's adapter is made otherwise: {error}\n", gdb.STDERR)
    has_requests = False
