# Walks a kernel's boot in GDB: boot, stack, bss, idle, panic, and check-boot, which is all of them; why explains a trap. `help boot` and so on.
#
#   gdb-multiarch -x .gdbinit                          in this folder; the machine waits on localhost:1234: ./run.sh --wait
#   gdb-multiarch -batch -x .gdbinit -ex check-boot    exit status 0: all passed, 1: not
#   -iex 'set $debug_port = 4321'                      before -x: another port
#   -iex 'set $debug_socket = "/tmp/gdb.sock"'         before -x: a Unix socket
#   -iex 'set $debug_boot = "_start"'                  before -x: another name; likewise $debug_stack_top, $debug_bss, $debug_bss_end
#   -iex 'set $debug_seconds = 60'                     before -x: how long the kernel may run at a time, instead of 10 s
#
# Plain commands, for every GDB from 12 on that knows RISC-V; of the system they use sh, cat, grep, kill, sed, sleep, tr.

# GDB asks before it defines what exists: `stack`, which is a class of commands, and all of this when it is read again.
with language c -- set $walk_confirm = $_gdb_setting("confirm")
set confirm off

define-prefix walk
document walk
The steps of which boot, stack, bss, idle, panic and check-boot are made.
end

source debug/gdb/machine.gdb
source debug/gdb/walk.gdb

# For a person: the instruction that is next.
define walk next
  if $walk_ready
    x/i $pc
  end
end

# The commands.

define boot
  dont-repeat
  walk ready
  if $walk_ready
    walk to-boot
    walk next
    if $walk_batch == 0 && $walk_booted
      walk commands
    end
  end
end
document boot
Run to the first instruction of boot, from wherever the machine stands before it.

After reset the machine runs its ROM and the firmware first.
end

define stack
  dont-repeat
  walk ready
  if $walk_ready
    if $walk_in_boot == 0
      walk to-boot
    end
    if $walk_in_boot
      walk set-sp
    end
    walk next
  end
end
document stack
Execute boot, and compare sp with __stack_top.

Runs to boot first where the machine stands before it. boot is executed one instruction at a time, 64 at most, until pc
leaves it; then sp must equal __stack_top, and be a multiple of 16.
end

define bss
  dont-repeat
  walk ready
  if $walk_ready
    if $walk_inside == 0
      walk to-boot
    end
    if $walk_in_boot
      walk set-sp
    end
    if $walk_inside
      walk clear
    end
    walk next
  end
end
document bss
Fill .bss and 16 bytes on both sides with 0xa5, run the kernel's clear, and prove what it did.

Then each byte of [__bss, __bss_end) must be zero, and the bytes beside it must hold 0xa5 still. Runs to boot and executes it
first where the machine stands before. The clear is over when the first and the last byte have been stored to and the
function that did it has returned.
end

define idle
  dont-repeat
  walk ready
  if $walk_ready
    if $walk_inside == 0
      walk to-boot
    end
    if $walk_inside
      walk to-idle
    end
    walk next
  end
end
document idle
Run until the kernel waits for interrupts (wfi), or else say what it does instead.

PASS where it waits, powers the machine off through the firmware, or, after $debug_seconds, goes through a loop of at most 64
instructions that changes no register. A trap that no handler takes is explained.
end

define panic
  dont-repeat
  walk ready
  if $walk_ready
    walk show-panic
  end
end
document panic
Print the kernel's panic record: place and message of its first panic, or that there is none.
end

define check-boot
  dont-repeat
  set $walk_failures = 0
  walk ready
  set $walk_past = 0
  if $walk_ready
    walk past-boot
  end
  if $walk_ready && $walk_past == 0
    walk all
  end
  printf "check-boot: "
  if $walk_ready && $walk_failures == 0
    echo PASS\n
  else
    echo FAIL\n
    if $walk_batch
      with confirm off -- quit 1
    end
  end
end
document check-boot
Walk the whole boot: boot, stack, bss, idle, panic. PASS when all of them pass.

With gdb -batch, GDB ends with status 1 where it fails, and where the machine cannot be reached. No kernel hangs it: whatever
runs is interrupted after $debug_seconds (10 unless set), as by Ctrl-C.
end

define why
  dont-repeat
  walk ready
  if $walk_ready
    walk tell-why
  end
end
document why
Explain the last trap in words: what the kernel did, where, and where the trap went.

For a kernel that stops answering: Ctrl-C, then why.
end

define connect
  dont-repeat
  if $_thread != 0
    echo A machine is connected already.\n
  else
    if $walk_mark
      walk unmark
    end
    walk anew
    # A port is tried once: GDB would try for 15 s, and say nothing.
    if $_isvoid($debug_socket)
      eval "pipe with tcp auto-retry off -- target remote localhost:%d | cat >/dev/null", $debug_port
    else
      eval "pipe target remote %s | cat >/dev/null", $debug_socket
    end
    eval "set prompt %s", $walk_prompt
    # The embedded machine, which has no M-mode, advises those who forget nothing after goto and reset; hookpost-monitor does.
    if $_isvoid($mcause)
      pipe thread apply 1 -s -- monitor advice off | cat >/dev/null
    end
    if $walk_batch == 0
      printf "The machine stands at %#lx. What can be done: boot, stack, bss, idle, panic, why, or check-boot, which is all of it.\n", $pc
    end
  end
end
document connect
Connect to the machine that waits on localhost:$debug_port, 1234 unless set, or on the Unix socket $debug_socket.
end

# There is nothing to lose that a question would keep: the machine is there to be started again.
define hook-quit
  set confirm off
end
document hook-quit
Before quit: do not ask whether the machine may be left.
end

# A session.

if $_isvoid($debug_seconds)
  set $debug_seconds = 10
end
# The names of the symbols, for kernels that have others.
define walk names
  if $_isvoid($debug_boot)
    set $debug_boot = "boot"
  end
  if $_isvoid($debug_stack_top)
    set $debug_stack_top = "__stack_top"
  end
  if $_isvoid($debug_bss)
    set $debug_bss = "__bss"
  end
  if $_isvoid($debug_bss_end)
    set $debug_bss_end = "__bss_end"
  end
end
with language c -- walk names
if $_isvoid($debug_port)
  set $debug_port = 1234
end
set $walk_failures = 0
set $walk_mark = 0

# A GDB without RISC-V says "Undefined item", and reads no further.
pipe set architecture riscv:rv64 | cat >/dev/null
set $walk_riscv = 1
# Otherwise Debian's GDB takes the kernel for a Linux program, and `stepi` over an ecall does not see what handles it.
set osabi none
# QEMU cannot search, and GDB asks it with the whole pattern, which may be too long for a packet.
pipe set remote search-memory-packet off | cat >/dev/null
set print asm-demangle on
set print inferior-events off
set disassemble-next-line auto

# Stepping stays in the kernel's own sources: Rust's libraries were built elsewhere, in /rustc, or lie with the compiler.
define walk skip
  pipe skip -gfi $arg0/src/*.rs | cat >/dev/null
  pipe skip -gfi $arg0/src/*/*.rs | cat >/dev/null
  pipe skip -gfi $arg0/src/*/*/*.rs | cat >/dev/null
end
walk skip /rustc/*/library/*
walk skip /rustc/*/library/*/*
walk skip rustlib/src/rust/library/*

if $walk_confirm
  set confirm on
end

pipe info files | grep -q '^Symbols from'
if $_shell_exitcode != 0
  pipe echo | test -f hypervisor.elf
  if $_shell_exitcode == 0
    file hypervisor.elf
  else
    echo There is no hypervisor.elf here: ./run.sh makes it. For another kernel: file KERNEL.ELF\n
  end
end

if $_thread == 0
  # Where connecting fails GDB reads no further, and this remains.
  set prompt (no machine: ./run.sh --wait in another terminal, then connect here)\040
  connect
end
