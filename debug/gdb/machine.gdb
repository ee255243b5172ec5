# The basic steps of .gdbinit's commands: run the kernel with a time limit, find out what state it is in, say so. This file
# does not know the checks; walk.gdb has them.
#
# Why some of it looks odd:
# - GDB hides output only in `pipe ... | cat >/dev/null`, and ignores errors only in `thread apply ... -s`. Never run the kernel
#   in `thread apply`: GDB hangs if the machine goes away meanwhile.
# - `continue` has no time limit. So its output is piped into a shell that interrupts GDB when time is up.
# - Linker symbols and casts need the language C, and GDB warns about C in a Rust frame. So `walk in-c` runs such commands
#   silently, and they leave their results in variables. The variables are first set to the value that means failure. Commands
#   that print work the same in C and in Rust. They use `unsigned char`, because Rust's `char` has four bytes.

define walk in-c
  # The hart that stopped last. Without a machine, thread 1 is only warned of; GDB takes no $_thread here, as it is computed.
  set $walk_thread = $_thread
  if $walk_thread == 0
    set $walk_thread = 1
  end
  pipe thread apply $walk_thread -s -- with language c -- walk $arg0 | cat >/dev/null
end

# How GDB was started, and texts that must be C strings.
define walk settings
  # -batch turns style, height and width off. Without -batch, a terminal has a width, and a pipe too (80).
  set $walk_batch = $_gdb_setting("style enabled") == 0 && $_gdb_setting("height") == 0 && $_gdb_setting("width") == 0
  set $walk_prompt = $_gdb_setting_str("prompt")
  # RISC-V privileged manual, "Supervisor Cause Register".
  set $walk_cause_0 = "instruction address misaligned"
  set $walk_cause_1 = "instruction access fault"
  set $walk_cause_2 = "illegal instruction"
  set $walk_cause_3 = "breakpoint"
  set $walk_cause_4 = "load address misaligned"
  set $walk_cause_5 = "load access fault"
  set $walk_cause_6 = "store address misaligned"
  set $walk_cause_7 = "store access fault"
  set $walk_cause_12 = "instruction page fault"
  set $walk_cause_13 = "load page fault"
  set $walk_cause_15 = "store page fault"
end
with language c -- walk settings

# The state of the kernel.

# Where pc is ($walk_inside: in the image), and what the kernel is doing ($walk_stop, one of these numbers).
set $walk_elsewhere = 0
set $walk_trapped = 1
set $walk_waits = 2
set $walk_powers_off = 3
set $walk_resets = 4
set $walk_fails = 5
set $walk_ended = 6

# A kernel that is linked high runs low until it turns paging on. $walk_offset is what its high addresses are more than those where
# it is loaded. A boot that is linked high is loaded at 0x80200000, where OpenSBI jumps; else RAM, which starts at a multiple of
# 1 GiB, is mapped by pages of that size.
define walk offset
  set $walk_half = sizeof (unsigned long) == 4 ? 0xc0000000 : 0x8000000000000000
  set $walk_offset = (unsigned long)0
  if $_isvoid($debug_offset) == 0
    set $walk_offset = (unsigned long)$debug_offset
  else
    if $walk_linked_boot >= $walk_half
      set $walk_offset = $walk_linked_boot - 0x80200000
    else
      if $walk_linked_bss >= $walk_half
        set $walk_offset = ($walk_linked_bss - 0x80000000) & ~(unsigned long)0x3fffffff
      end
    end
  end
end

# Before paging a kernel that is linked high has its symbols where it is loaded, too: a second set of $debug_file's, moved.
define walk low-symbols
  walk addresses
  if $walk_offset
    eval "with confirm off -- add-symbol-file \"%s\" -o -%#lx", $debug_file, $walk_offset
    set $debug_file = $walk_nothing
  end
end

# $walk_boot, $walk_bss and so on: where these are for the hart now. Until paging is on, that is where they are loaded.
define walk addresses
  eval "set $walk_linked_boot = (unsigned long)&%s", $debug_boot
  eval "set $walk_linked_top = (unsigned long)&%s", $debug_stack_top
  eval "set $walk_linked_bss = (unsigned long)&%s", $debug_bss
  eval "set $walk_linked_end = (unsigned long)&%s", $debug_bss_end
  walk offset
  set $walk_pc = (unsigned long)$pc
  set $walk_paging = (unsigned long)$satp >> (sizeof (unsigned long) == 4 ? 31 : 60) != 0
  set $walk_less = $walk_paging ? 0 : $walk_offset
  set $walk_lowest = $walk_linked_boot - ($walk_linked_boot >= $walk_half ? $walk_offset : 0)
  set $walk_alone = $walk_lowest == 0x80000000
  set $walk_boot = $walk_pc >= $walk_half && $walk_paging ? $walk_linked_boot : $walk_lowest
  set $walk_stack_top = $walk_linked_top - ($walk_linked_top >= $walk_half ? $walk_less : 0)
  set $walk_bss = $walk_linked_bss - ($walk_linked_bss >= $walk_half ? $walk_less : 0)
  set $walk_bss_end = $walk_linked_end - ($walk_linked_end >= $walk_half ? $walk_less : 0)
  set $walk_low_pc = $walk_pc - ($walk_pc >= $walk_half ? $walk_offset : 0)
  set $walk_low_top = $walk_linked_top - ($walk_linked_top >= $walk_half ? $walk_offset : 0)
  set $walk_inside = $walk_low_pc >= $walk_lowest && $walk_low_pc < $walk_low_top
end

define walk look
  walk addresses
  set $walk_sp = (unsigned long)$sp
  set $walk_alignment = sizeof (unsigned long) == 4 ? 4 : 16
  set $walk_ready = 1
  # OpenSBI enters the kernel with stvec = boot and sepc = 0. So a kernel that is in boot with another sepc has trapped. The
  # embedded machine stops before that, at the instruction that traps.
  set $walk_sepc = (unsigned long)$sepc
  set $walk_vector = (unsigned long)$stvec & ~3
  if $walk_sepc != 0 && ($walk_pc == $walk_boot || $walk_pc == $walk_sepc && (unsigned long)$stvec == $walk_lowest)
    set $walk_stop = $walk_trapped
  end
  # wfi is the next instruction, or the hart waits in it and pc is already behind it.
  if *(unsigned int *)$walk_pc == 0x10500073 || *(unsigned int *)($walk_pc - 4) == 0x10500073
    set $walk_stop = $walk_waits
  end
  # The next instruction calls the SBI's legacy shutdown (8) or system reset, "SRST", whose type 0 is a shutdown.
  if *(unsigned int *)$walk_pc == 0x73 && ($a7 == 8 || $a7 == 0x53525354)
    set $walk_stop = $a7 == 8 || $a0 == 0 ? $walk_powers_off : $walk_resets
  end
  # Or the legacy console (1) or the debug console, "DBCN", which print. So does a store to a device: those are below RAM.
  set $walk_prints = *(unsigned int *)$walk_pc == 0x73 && ($a7 == 1 || $a7 == 0x4442434e)
  set $walk_instruction = $walk_pc
  walk store
  if $walk_stores
    set $walk_to = $walk_to - ($walk_to >= $walk_half ? $walk_offset : 0)
    set $walk_prints = $walk_to < 0x80000000
  end
  if $walk_off
    walk off
  end
end

# Whether the instruction at $walk_instruction is a store ($walk_stores), or was one right before $walk_instruction; its address and its value.
define walk store
  set $walk_word = *(unsigned int *)$walk_instruction
  set $walk_stores = 1
  if ($walk_word & 0x7f) == 0x23
    walk store-of ($walk_word>>15)&31 ($walk_word>>20)&31 ((int)$walk_word>>25)*32+(($walk_word>>7)&31)
  else
    if ($walk_word & 0xe003) == 0xc000
      walk store-of 8+(($walk_word>>7)&7) 8+(($walk_word>>2)&7) (($walk_word>>10)&7)*8+(($walk_word>>6)&1)*4+(($walk_word>>5)&1)*64
    else
      set $walk_stores = 0
    end
  end
end
define walk store-of
  eval "set $walk_to = (unsigned long)$x%d + (long)($arg2)", $arg0
  eval "set $walk_value = (unsigned long)$x%d", $arg1
end

# The embedded machine is off, right behind the store to the test finisher (QEMU, hw/misc/sifive_test.c).
define walk off
  set $walk_instruction = $walk_pc - 4
  walk store
  if $walk_stores == 0
    set $walk_instruction = $walk_pc - 2
    walk store
  end
  if $walk_stores
    set $walk_stop = ($walk_value & 0xffff) == 0x7777 ? $walk_resets : ($walk_value & 0xffff) == 0x5555 ? $walk_powers_off : $walk_fails
  end
end

# The machine has ended. cargo debug gdb has QEMU's exit status told.
define walk gone
  set $walk_stop = $walk_ended
  set $walk_status = -1
  if $_isvoid($_exitcode) == 0
    set $walk_status = $_exitcode
  end
end

define walk find-out
  set $walk_pc = 0
  set $walk_inside = 0
  set $walk_stop = $walk_elsewhere
  set $walk_prints = 0
  if $_thread
    walk in-c look
  end
end

# A monitor command may move the machine: goto and reset of cargo debug serve, QEMU's system_reset. GDB does not notice and
# would still show the registers and the stack of before. So flush its caches, and show where the machine is now if it moved.
define hook-monitor
  if $_thread != 0
    set $walk_here = 0
    walk in-c here
    set $walk_was_here = $walk_here
  end
end

define hookpost-monitor
  maintenance flush dcache
  pipe maintenance flush register-cache | cat >/dev/null
  walk in-c here
  if $walk_here != $walk_was_here
    frame
  end
end

document hook-monitor
Before a monitor command: note where the machine is.
end
document hookpost-monitor
After a monitor command: flush GDB's caches of registers and memory, and show where the machine is if it moved.
end

define walk here
  set $walk_here = (unsigned long)$pc
end

# $walk_ready: whether there is a machine, with a kernel that has the symbols. $walk_in_boot: whether it executes boot.
define walk ready
  set $walk_ready = 0
  set $walk_late = 0
  set $walk_off = 0
  set $walk_seconds = $debug_seconds
  if $_isvoid($walk_riscv)
    echo This GDB does not support RISC-V. Use gdb-multiarch (Debian) or riscv64-elf-gdb (Homebrew, Arch).\n
  end
  if $_thread == 0
    eval "echo No machine is connected: %s.\\n", $debug_connect
  else
    # Breakpoints that a check left behind when Ctrl-C ended it.
    if $walk_mark
      walk unmark
    end
    walk find-out
    if $walk_ready == 0
      walk name-missing
    else
      walk in-boot
      # At the reset vector, at boot, or in boot again after reverse steps, all checks start over.
      if $walk_pc == 0x1000 || $walk_in_boot && ($walk_pc == $walk_boot || $walk_cleared)
        walk anew
      end
    end
  end
end

# Names each missing symbol, and how to give it another name. In a Rust frame GDB would put the text into the kernel's memory.
define walk has
  eval "set $walk_has = &%s != 0", $walk_name
end

define walk name-one
  set $walk_has = 0
  walk in-c has
  if $walk_has == 0
    eval "echo The kernel has no symbol %s", $walk_name
    echo ; if it has another name: with language c -- set $debug_$arg0 = \"NAME\"\n
  end
end

define walk name-missing
  set $walk_name = $debug_boot
  walk name-one boot
  set $walk_name = $debug_stack_top
  walk name-one stack_top
  set $walk_name = $debug_bss
  walk name-one bss
  set $walk_name = $debug_bss_end
  walk name-one bss_end
end

define walk in-boot
  eval "pipe info symbol $walk_pc | grep -q '^%s '", $debug_boot
  set $walk_in_boot = $_shell_exitcode == 0 && $walk_stop != $walk_trapped
end

# $walk_booted, $walk_filled, $walk_cleared, $walk_guarded: how far the kernel has come, as far as we know.
define walk anew
  set $walk_booted = 0
  set $walk_filled = 0
  set $walk_cleared = 0
  set $walk_guarded = 0
  set $walk_told = 0
  set $walk_collected = 0
end

# `walk go continue`, `finish` or `stepi`: for at most $walk_seconds; $walk_late says that time was up. The shell waits until
# sleep ends. Then it interrupts GDB, after a second again, and then five times a second: QEMU ignores an interrupt that comes while
# the machine stands, and GDB evaluates the condition of a breakpoint, as it does all the time where a kernel calls the firmware for
# ever. (`cargo debug gdb` and the embedded machine keep the interrupt.) If GDB's command ends earlier, or GDB itself, awk reaches the
# end of its input, and sleep is killed. awk shows only the embedded machine's message about a device that it does not have. It tells
# when the history of that machine has ended: it is off. Without a firmware all harts come to boot: then only the hart that GDB has
# runs, the first ($walk_alone).
define walk go
  set $walk_busy = 1
  if $walk_alone
    set scheduler-locking on
  end
  eval "pipe $arg0 | exec 3<&0 4>&2 2>/dev/null; trap '' INT; sleep %d & s=$!; (awk '/ run this kernel on QEMU/ { print } /^(No more reverse-execution|Reached end of recorded) history/ { off = 1 } END { exit off ? 3 : 1 }' <&3 >&4; r=$?; kill $s; exit $r) & g=$!; wait $s || { wait $g; exit $?; }; p=1; while kill -0 $g; do kill -INT $PPID; sleep $p; p=0.2; done", $walk_seconds
  set $walk_late = $_shell_exitcode == 0
  set $walk_off = $_shell_exitcode == 3
  set $walk_busy = 0
  walk find-out
  if $_thread == 0
    walk gone
  else
    # Its usual value. GDB has no such setting without a machine.
    set scheduler-locking replay
  end
end

# When a person continues a kernel that traps, nothing is printed until Ctrl-C, and that stops in the firmware or anywhere.
set $walk_busy = 0
set $walk_told = 0
define hook-stop
  if $walk_busy == 0 && $walk_batch == 0
    set $walk_ready = 0
    walk find-out
    if $walk_ready && $walk_sepc != 0 && $walk_sepc != $walk_told && ($walk_vector == $walk_lowest || $walk_stop == $walk_trapped)
      echo The kernel trapped. Type why for the reason and the place.\n
      set $walk_told = $walk_sepc
    end
  end
end
document hook-stop
At each stop: say so if the kernel trapped.
end

# Breakpoints that are set from here on belong to the check, until `walk unmark` deletes them.
define walk mark
  if $_isvoid($bpnum)
    set $bpnum = 0
  end
  set $walk_mark = $bpnum + 1
end

define walk unmark
  eval "pipe delete %d-%d | cat >/dev/null", $walk_mark, $bpnum
  set $walk_mark = 0
end

# Every run stops at boot, the initial trap vector; at each wfi; and at each ecall that ends the machine.
define walk waypoints
  walk mark
  break *$walk_lowest
  walk collect
  set $walk_n = 0
  while $walk_n < $walk_waits_found
    eval "set $walk_at = $walk_wait_%d", $walk_n
    break *$walk_at
    if $walk_offset
      break *($walk_at + $walk_offset)
    end
    set $walk_n = $walk_n + 1
  end
  set $walk_n = 0
  while $walk_n < $walk_calls_found
    eval "set $walk_at = $walk_call_%d", $walk_n
    break *$walk_at if $a7 == 8 || $a7 == 0x53525354
    if $walk_offset
      break *($walk_at + $walk_offset) if $a7 == 8 || $a7 == 0x53525354
    end
    set $walk_n = $walk_n + 1
  end
end

# The addresses of each wfi and each ecall, as they are without paging. A kernel that is linked high is searched before it turns
# paging on, or else where it is mapped then.
define walk collect
  if $walk_paging == 0 || $walk_offset == 0 || $walk_collected == 0
    set $walk_up = $walk_paging ? $walk_offset : 0
    set $walk_from = $walk_lowest + $walk_up
    set $walk_last = $walk_linked_bss - ($walk_linked_bss >= $walk_half ? $walk_offset : 0) + $walk_up - 1
    walk collect-waits
    walk collect-calls
    set $walk_collected = 1
  end
end

# Searches $walk_at to $walk_last for a word: $numfound, and its address in $_. GDB refuses to search a range that is shorter.
define walk seek
  if $walk_at <= $walk_last - 3
    find /w1 $walk_at, $walk_last, $arg0
  else
    set $numfound = 0
  end
end

define walk collect-waits
  set $walk_waits_found = 0
  set $walk_at = $walk_from
  walk seek 0x10500073
  while $numfound > 0
    set $walk_at = (unsigned long)$_
    eval "set $walk_wait_%d = $walk_at - $walk_up", $walk_waits_found
    set $walk_waits_found = $walk_waits_found + 1
    set $walk_at = $walk_at + 4
    walk seek 0x10500073
  end
end

define walk collect-calls
  set $walk_calls_found = 0
  set $walk_at = $walk_from
  walk seek 0x73
  while $numfound > 0
    set $walk_at = (unsigned long)$_
    if $walk_at % 2 == 0
      eval "set $walk_call_%d = $walk_at - $walk_up", $walk_calls_found
      set $walk_calls_found = $walk_calls_found + 1
    end
    set $walk_at = $walk_at + 1
    walk seek 0x73
  end
end

# Messages.

define walk fail
  set $walk_failures = $walk_failures + 1
  echo : FAIL\n
end

# How to start again.
define walk again
  eval "echo ; to start again\\, quit\\, then %s", $debug_again
end

# An address with its symbol, and with its line if it has one. `list` prints
# "0x80200014 is in hypervisor::bss::clear (kernel/src/bss.rs:20)." before the lines; the part in brackets is taken.
define walk place
  output/a $arg0
  pipe thread apply 1 -s -q -- list *$arg0 | sed -n '1s/^.*\( ([^()]*)\)\.$/\1/p' | tr -d '\n'
end

define walk explain
  if $walk_stop == $walk_elsewhere
    if $walk_late
      printf "after %d s ", $debug_seconds
    end
    printf "the kernel is at "
    walk place $walk_pc
  end
  if $walk_stop == $walk_trapped
    printf "the kernel trapped at "
    walk place $walk_sepc
    eval "set $walk_cause = $walk_cause_%d", $scause
    if $_isvoid($walk_cause)
      printf ", scause %#lx, stval %#lx", $scause, $stval
    else
      printf ", %s, scause %d, stval %#lx", $walk_cause, $scause, $stval
    end
  end
  if $walk_stop == $walk_waits
    printf "the kernel waits for interrupts at "
    walk place $walk_pc
  end
  if $walk_stop == $walk_powers_off
    printf "the kernel powers the machine off at "
    walk place $walk_pc
  end
  if $walk_stop == $walk_resets
    printf "the kernel resets the machine at "
    walk place $walk_pc
  end
  if $walk_stop == $walk_fails
    printf "the kernel powers the machine off with a failure at "
    walk place $walk_pc
  end
  if $walk_stop == $walk_ended
    if $walk_status == -1
      printf "the machine has ended; ./run.sh --check or cargo debug check tells why"
    else
      if $walk_status == 0
        printf "the kernel powers the machine off"
      else
        printf "the machine ended with exit status %d", $walk_status
      end
    end
  end
end
