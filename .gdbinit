# GDB commands that check a kernel's boot: boot, stack, bss, idle, panic; check-boot runs all of them; why explains a trap.
# `help boot` and so on tell more.
#
#   gdb-multiarch -x .gdbinit                          in this folder, after ./run.sh --wait: connects to localhost:1234
#   gdb-multiarch -batch -x .gdbinit -ex check-boot    exit status 0: all passed; 1: one failed
#   -iex 'set $debug_port = 4321'                      before -x: another port
#   -iex 'set $debug_socket = "/tmp/gdb.sock"'         before -x: a Unix socket
#   -iex 'set $debug_boot = "_start"'                  before -x: another name; also $debug_stack_top, $debug_bss, $debug_bss_end
#   -iex 'set $debug_file = "my.elf"'               before -x: a kernel that is linked high; also $debug_offset, linked minus loaded addresses
#   -iex 'set $debug_architecture = "riscv:rv32"'     before -x: the kernel is for 32-bit RISC-V
#   -iex 'set $debug_seconds = 60'                     before -x: the kernel may run for 60 s at a time instead of 10 s
#
# These are GDB commands without Python, for GDB 12 or later with RISC-V support. They run sh, awk, cat, grep, kill, sed, sleep, tr.

# GDB asks before it redefines a command. `stack` exists already (as a class of commands), and all others when this file is
# read again.
with language c -- set $walk_confirm = $_gdb_setting("confirm")
set confirm off

define-prefix walk
document walk
The steps that boot, stack, bss, idle, panic and check-boot consist of.
end

source debug/gdb/machine.gdb
source debug/gdb/walk.gdb

# Shows a person the next instruction.
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
Run to the first instruction of boot. The machine must not be past it yet.

After reset the machine first runs its ROM and the firmware.
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

If the kernel has not started, this runs to boot first. It executes boot one instruction at a time, at most 64, until pc
leaves boot. Then sp must equal __stack_top and be a multiple of 16. Before that it fills .bss as bss does, because boot itself
may clear it.
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
Fill .bss and 16 bytes on both sides with 0xa5, run the kernel's clear, and check every byte.

After the clear each byte of [__bss, __bss_end) must be zero, and the bytes beside it must still hold 0xa5. If the kernel has
not started, this runs to boot and executes it first. The clear is over when the first and the last byte were stored to and
the function that stored them has returned.
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
Run until the kernel waits for interrupts (wfi). If it does not, say what it does instead.

PASS if it waits, if it powers the machine off, or if after $debug_seconds it is in a loop of at most 64 instructions that
changes no register and does not print. If the kernel traps and has no handler, the trap is
explained.
end

define panic
  dont-repeat
  walk ready
  if $walk_ready
    walk show-panic
  end
end
document panic
Print the kernel's panic record: place and message of its first panic, or "none".
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
Run all checks: boot, stack, bss, idle, panic. PASS if all of them pass.

With gdb -batch, GDB exits with status 1 if a check fails or the machine cannot be reached. No kernel can hang it: after
$debug_seconds (10 unless set) the kernel is interrupted, as by Ctrl-C.
end

define why
  dont-repeat
  walk ready
  if $walk_ready
    walk tell-why
  end
end
document why
Explain the last trap in words: what the kernel did, at which instruction, and which handler took the trap.

If a kernel stops responding, press Ctrl-C, then type why.
end

# Calls that repeat, as in a recursion without an end, are shown once. `backtrace` is GDB's own.
define bt
  if $argc == 0
    walk fold 2000
  end
  if $argc == 1
    walk fold $arg0
  end
  if $argc == 2
    backtrace $arg0 $arg1
  end
end
define walk fold
  pipe backtrace $arg0 | awk '/^#/ { n++; k[n] = $0; sub(/^#[0-9]+ +(0x[0-9a-f]+ in )?/, "", k[n]); gsub(/[[:alnum:]_]+=[^,)]*/, "", k[n]); l[n] = $0; next } \
    { if (n) l[n] = l[n] "\n" $0; else print } \
    END { for (i = 1; i <= n;) { r = 0; for (p = 1; p <= 8 && !r; p++) { j = i; while (j + p <= n && k[j] == k[j + p]) j++; \
    if (j - i >= 2 * p) r = p * int((j - i) / p + 1) } if (!r) print l[i++]; else { p--; for (j = i; j < i + p; j++) print l[j]; \
    printf "...   %s repeated: %d more frames, to #%d\n", p == 1 ? "this is" : "these " p " are", r - p, i + r - 2; i += r } } }'
end
document bt
Print the callers of the current function, as backtrace does, but what repeats only once: the innermost 2000 frames.

A cycle of at most 8 calls is folded if it is there three times in a row. An argument is that of backtrace, such as -full or 10.
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
    # Try the port once. With auto-retry GDB would try for 15 s without a message.
    if $_isvoid($debug_socket)
      eval "pipe with tcp auto-retry off -- target remote localhost:%d | cat >/dev/null", $debug_port
    else
      eval "pipe target remote %s | cat >/dev/null", $debug_socket
    end
    eval "set prompt %s", $walk_prompt
    if $_isvoid($debug_file) == 0
      walk in-c low-symbols
    end
    # The embedded machine (it has no mcause) advises to flush GDB's caches after goto and reset. hookpost-monitor does that.
    if $_isvoid($mcause)
      pipe thread apply 1 -s -- monitor advice off | cat >/dev/null
    end
    if $walk_batch == 0
      printf "Stopped at %#lx. Commands: boot, stack, bss, idle, panic, check-boot (all of them), why (explains a trap).\n", $pc
    end
  end
end
document connect
Connect to the machine that listens on localhost:$debug_port (1234 unless set) or on the Unix socket $debug_socket.
end

# Quitting loses nothing: the machine can be started again. So GDB need not ask.
define hook-quit
  set confirm off
end
document hook-quit
Before quit: turn GDB's question off.
end

# A session.

if $_isvoid($debug_seconds)
  set $debug_seconds = 10
end
# The names of the kernel's symbols, unless set before.
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
  if $_isvoid($debug_architecture)
    set $debug_architecture = "riscv:rv64"
  end
  # What to do for a machine, and to start again: other programs that read this file set both.
  if $_isvoid($debug_connect)
    set $debug_connect = "start one with ./run.sh --wait in another terminal, then type connect"
  end
  if $_isvoid($debug_again)
    set $debug_again = "./run.sh --debug"
  end
end
with language c -- walk names
if $_isvoid($debug_port)
  set $debug_port = 1234
end
set $walk_failures = 0
set $walk_mark = 0

# A GDB without RISC-V says "Undefined item" and stops reading this file.
eval "pipe set architecture %s | cat >/dev/null", $debug_architecture
set $walk_riscv = 1
# Without this, Debian's GDB takes the kernel for a Linux program, and `stepi` over an ecall skips the trap handler.
set osabi none
# QEMU cannot search memory. GDB's request for it holds the whole pattern, which may be too long for a packet.
pipe set remote search-memory-packet off | cat >/dev/null
set print asm-demangle on
set print inferior-events off
set disassemble-next-line auto

# Stepping stays in the kernel's own sources. The sources of Rust's libraries are in /rustc, which does not exist here, or in
# the compiler's folder.
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
    echo There is no hypervisor.elf here: ./run.sh --build makes it. For another kernel: file KERNEL.ELF\n
  end
end

if $_thread == 0
  # If connecting fails, GDB stops reading this file, and this prompt remains.
  set prompt (no machine: ./run.sh --wait in another terminal, then connect here)\040
  connect
end
