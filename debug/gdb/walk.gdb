# The checks of .gdbinit: each runs the kernel for a while and says what it found.

define walk entries
  walk mark
  break *$walk_lowest
  # OpenSBI jumps here. If boot is elsewhere, the kernel comes there later, or never.
  break *0x80200000
end

define walk to-boot
  if $walk_booted == 0 && $walk_inside == 0 && $walk_pc != 0x80200000
    walk in-c entries
    walk go continue
    walk unmark
  end
  printf "boot: "
  if $walk_pc == $walk_boot && $walk_stop != $walk_trapped
    set $walk_booted = 1
    set $walk_in_boot = 1
    walk place $walk_boot
    echo \ is the next instruction: PASS\n
  else
    walk explain
    if $walk_booted || $walk_inside
      printf ", past boot"
      walk again
    else
      printf ", not at boot, "
      walk place $walk_boot
    end
    walk fail
  end
end

# The last instruction left the kernel for the firmware. The firmware returns behind the ecall, or to boot if it was a trap.
define walk returns
  walk mark
  break *$walk_lowest
  break *($walk_from + 4)
  if $walk_offset && $walk_from < $walk_half
    break *($walk_from + 4 + $walk_offset)
  end
end

# Executes one instruction of the kernel; a call of the firmware up to its return.
define walk step
  set $walk_from = $walk_pc
  walk go stepi
  if $walk_inside == 0
    walk in-c returns
    walk go continue
    walk unmark
  end
end

# Executes boot until pc leaves it. Where boot itself clears .bss, it does so now.
define walk set-sp
  walk prepare
  set $walk_steps = 0
  while $walk_in_boot && $walk_steps < 64
    set $walk_steps = $walk_steps + 1
    walk step
    walk in-boot
  end
  printf "stack: "
  if $walk_inside == 0 || $walk_stop == $walk_trapped || $walk_late
    walk place $walk_from
    printf " does not continue in the kernel, sp = %#lx: ", $walk_sp
    walk explain
    walk fail
  else
    set $walk_name = $debug_stack_top
    if $_isvoid($debug_stack_name) == 0
      set $walk_name = $debug_stack_name
    end
    eval "printf \"sp = %%#lx, %s = %%#lx\", $walk_sp, $walk_stack_top", $walk_name
    if ($walk_sp == $walk_stack_top || $walk_sp == $walk_linked_top) && $walk_sp % $walk_alignment == 0
      echo : PASS\n
    else
      printf ", when boot jumps to "
      walk place $walk_pc
      walk fail
    end
  end
end

# How many bytes before and after .bss are filled too, and looked at: 16, or none where the kernel's file has bytes.
# $debug_guard_below and $debug_guard_above say it instead.
define walk guard-sizes
  set $walk_before = 16
  set $walk_behind = 16
  if $_isvoid($debug_guard_below) == 0
    set $walk_before = $debug_guard_below
  else
    set $walk_has = 0
    walk has-bytes $walk_linked_bss-1
    walk has-bytes $walk_linked_bss-16
    if $walk_has
      set $walk_before = 0
    end
  end
  if $_isvoid($debug_guard_above) == 0
    set $walk_behind = $debug_guard_above
  else
    set $walk_has = 0
    walk has-bytes $walk_linked_end
    walk has-bytes $walk_linked_end+15
    if $walk_has
      set $walk_behind = 0
    end
  end
end

# $walk_has: becomes 1 if the kernel's file has a byte there.
define walk has-bytes
  pipe info symbol $arg0 | grep -q ' in section \.\(text\|rodata\|data\|sdata\|init\)'
  if $_shell_exitcode == 0
    set $walk_has = 1
  end
end

# Fills .bss and the guard bytes before and after it with 0xa5. It copies the part that is filled already to the part behind it:
# this needs few packets.
define walk fill
  walk guard-sizes
  set $walk_from = $walk_bss - $walk_before
  set $walk_size = $walk_bss_end + $walk_behind - $walk_from
  set $walk_full = 0
  while $walk_full < $walk_size && $walk_full < 8
    set *(unsigned char *)($walk_from + $walk_full) = 0xa5
    set $walk_full = $walk_full + 1
  end
  while $walk_full < $walk_size
    set $walk_n = $walk_full < 0x8000 ? $walk_full : 0x8000
    if $walk_n > $walk_size - $walk_full
      set $walk_n = $walk_size - $walk_full
    end
    set *(unsigned char *)($walk_from + $walk_full) @ $walk_n = *(unsigned char *)$walk_from @ $walk_n
    set $walk_full = $walk_full + $walk_n
  end
  set $walk_filled = 1
end

# Fills once, before the kernel's clear may begin.
define walk prepare
  if $walk_filled == 0
    walk in-c fill
  end
end

# Watches the first and the last byte of .bss. A watchpoint is deleted after its first hit: later stores do not matter. A kernel
# that is linked high may turn paging on before it clears, so its bytes are watched at both of their addresses.
define walk ends
  set $walk_low = 0
  set $walk_high = 0
  set $walk_low_2 = 0
  set $walk_high_2 = 0
  if $walk_bss < $walk_bss_end
    watch -l *(unsigned char *)$walk_bss
    set $walk_low = $bpnum
    watch -l *(unsigned char *)($walk_bss_end - 1)
    set $walk_high = $bpnum
    if $walk_bss != $walk_linked_bss
      watch -l *(unsigned char *)$walk_linked_bss
      set $walk_low_2 = $bpnum
      watch -l *(unsigned char *)($walk_linked_end - 1)
      set $walk_high_2 = $bpnum
    end
  end
end

define walk progress
  if $walk_low && *(unsigned char *)$walk_bss != 0xa5
    delete $walk_low
    if $walk_low_2
      delete $walk_low_2
    end
    set $walk_low = 0
    set $walk_moved = 1
  end
  if $walk_high && *(unsigned char *)($walk_bss_end - 1) != 0xa5
    delete $walk_high
    if $walk_high_2
      delete $walk_high_2
    end
    set $walk_high = 0
    set $walk_moved = 1
  end
end

# Runs until the first and the last byte of .bss were stored to, then until that function returns, if it has a caller.
define walk run-clear
  walk prepare
  walk in-c waypoints
  walk in-c ends
  set $walk_moved = 1
  walk in-c progress
  # boot itself may have cleared all of it.
  if $walk_bss < $walk_bss_end && $walk_low == 0 && $walk_high == 0
    set $walk_moved = 0
  end
  while $walk_moved
    set $walk_moved = 0
    walk go continue
    walk in-c progress
    # Another continue would run past a waypoint right behind the store.
    if $walk_low == 0 && $walk_high == 0 || $walk_stop != $walk_elsewhere
      loop_break
    end
  end
  set $walk_clearer = $walk_pc
  # A clear that is a part of a larger function is over now, and what follows it uses .bss before it returns, if it does.
  set $walk_was_zero = 0
  set $walk_below = 0
  set $walk_above = 0
  if $walk_filled && $walk_low == 0 && $walk_high == 0
    walk in-c verify
    set $walk_was_zero = $walk_dirty == 0
    walk in-c guards
  end
  if $walk_moved && $walk_stop == $walk_elsewhere
    pipe backtrace 2 | grep -q '^#1 '
    if $_shell_exitcode == 0
      walk go finish
    end
  end
  walk unmark
end

# $walk_zero: whether [$walk_at, $walk_at + $walk_n) is all zero. It is if the first byte is zero and each other byte equals the
# one before it. One `find` tells: it searches the range without its last byte for the range without its first byte.
define walk zero
  set $walk_zero = *(unsigned char *)$walk_at == 0
  if $walk_zero && $walk_n > 1
    find $walk_at, +($walk_n - 1), *(unsigned char *)($walk_at + 1) @ ($walk_n - 1)
    set $walk_zero = $numfound == 1
  end
end

# $walk_dirty: the first address in .bss that does not hold zero, or 0.
define walk verify
  set $walk_dirty = 0
  set $walk_at = $walk_bss
  while $walk_at < $walk_bss_end && $walk_dirty == 0
    set $walk_n = $walk_bss_end - $walk_at < 0x8000 ? $walk_bss_end - $walk_at : 0x8000
    walk zero
    if $walk_zero
      set $walk_at = $walk_at + $walk_n
    else
      # Halve the range until one byte is left.
      while $walk_n > 1
        set $walk_size = $walk_n
        set $walk_n = $walk_n / 2
        walk zero
        if $walk_zero
          set $walk_at = $walk_at + $walk_n
          set $walk_n = $walk_size - $walk_n
        end
      end
      set $walk_dirty = $walk_at
      set $walk_byte = *(unsigned char *)$walk_at
    end
  end
  set $walk_verified = 1
end

# $walk_below, $walk_above: whether the guard bytes hold the pattern.
define walk guards
  walk guard-sizes
  set $walk_below = $walk_before == 0 || {unsigned long long}($walk_bss - 16) == 0xa5a5a5a5a5a5a5a5 && {unsigned long long}($walk_bss - 8) == 0xa5a5a5a5a5a5a5a5
  set $walk_above = $walk_behind == 0 || {unsigned long long}$walk_bss_end == 0xa5a5a5a5a5a5a5a5 && {unsigned long long}($walk_bss_end + 8) == 0xa5a5a5a5a5a5a5a5
end

define walk clear
  printf "bss: "
  if $walk_cleared || $walk_stop == $walk_waits
    walk explain
    printf ", past the clear"
    walk again
    walk fail
  else
    walk run-clear
    set $walk_cleared = 1
    set $walk_verified = 0
    if $walk_filled && ($walk_low == 0 && $walk_high == 0 && $walk_late == 0 && $walk_stop != $walk_trapped || $walk_stop == $walk_waits)
      walk in-c verify
      if $walk_was_zero
        set $walk_dirty = 0
        set $walk_verified = 1
      end
    end
    if $walk_verified == 0
      walk explain
      printf ", and .bss is not cleared"
      walk fail
    else
      walk show-clear
    end
  end
end

define walk show-clear
  printf "[%#lx, %#lx), filled with 0xa5, ", $walk_bss, $walk_bss_end
  if $walk_dirty == 0
    printf "is all zero after "
    walk place $walk_clearer
    echo : PASS\n
  else
    printf "holds %#x at ", $walk_byte
    walk place $walk_dirty
    walk fail
  end
  if $walk_stop != $walk_ended
    set $walk_below = 0
    set $walk_above = 0
    walk in-c guards
  end
  set $walk_guarded = $walk_above
  if $walk_below && $walk_above && $walk_before && $walk_behind
    echo bss: the 16 bytes before it and the 16 after it still hold 0xa5: PASS\n
  end
  if $walk_below && $walk_above && $walk_before && $walk_behind == 0
    echo bss: the 16 bytes before it still hold 0xa5: PASS\n
  end
  if $walk_below && $walk_above && $walk_before == 0 && $walk_behind
    echo bss: the 16 bytes after it still hold 0xa5: PASS\n
  end
  if $walk_below == 0
    printf "bss: the 16 bytes before it were overwritten"
    walk fail
  end
  if $walk_above == 0
    printf "bss: the 16 bytes after it were overwritten"
    walk fail
  end
end

# $walk_hash: a hash of the registers.
define walk hash
  set $walk_hash = (unsigned long)0
  set $walk_n = 1
  while $walk_n < 32
    eval "set $walk_hash = $walk_hash * 3 + (unsigned long)$x%d", $walk_n
    set $walk_n = $walk_n + 1
  end
end

# The firmware, in which the hart was when time was up, returns to the instruction that it interrupted, or behind the ecall.
define walk interrupted
  walk mark
  break *$walk_lowest
  break *$mepc
  break *($mepc + 4)
end

# $walk_repeats: whether the kernel is in a loop of at most 64 instructions that changes no register, and does not print. A call of the firmware counts as one instruction.
define walk repeats
  set $walk_repeats = 0
  set $walk_steps = 0
  set $walk_late = 0
  set $walk_seconds = 2
  if $walk_inside == 0
    walk in-c interrupted
    walk go continue
    walk unmark
  end
  set $walk_start = $walk_pc
  walk in-c hash
  set $walk_was = $walk_hash
  while $walk_steps < 64 && $walk_repeats == 0 && $walk_inside && $walk_late == 0 && $walk_stop == $walk_elsewhere && $walk_prints == 0
    set $walk_steps = $walk_steps + 1
    walk step
    if $walk_pc == $walk_start
      walk in-c hash
      set $walk_repeats = $walk_hash == $walk_was
    end
  end
  # The steps ended in time, but the run before them did not.
  set $walk_late = 1
end

define walk to-idle
  set $walk_repeats = 0
  if $walk_stop != $walk_waits && $walk_stop != $walk_powers_off && $walk_stop != $walk_ended
    walk in-c waypoints
    walk go continue
    walk unmark
    if $walk_late && $walk_stop == $walk_elsewhere
      walk repeats
    end
  end
  set $walk_above = 1
  if $walk_guarded
    set $walk_above = 0
    walk in-c guards
  end
  set $walk_rests = $walk_repeats || $walk_stop == $walk_waits || $walk_stop == $walk_powers_off
  if $walk_stop == $walk_ended
    set $walk_rests = $walk_status == 0
    set $walk_above = 1
  end
  printf "idle: "
  if $walk_repeats
    printf "the kernel is in an infinite loop at "
    walk place $walk_pc
  else
    walk explain
  end
  if $walk_above == 0
    printf ", and the 16 bytes after .bss were overwritten since the clear, perhaps by a stack that grew too far"
  end
  if $walk_above && $walk_rests
    echo : PASS\n
  else
    walk fail
  end
end

# kernel/src/panic.rs describes the record.
define walk record
  set $walk_record = (unsigned char *)&panic_record
  set $walk_panicked = *(unsigned long long *)$walk_record == 0x64656b63696e6170
  set $walk_line = *(unsigned int *)($walk_record + 8)
  set $walk_column = *(unsigned int *)($walk_record + 12)
  set $walk_file = $walk_record + 16
  set $walk_message = $walk_record + 256
end

define walk show-panic
  set $walk_panicked = 2
  walk in-c record
  printf "panic: "
  if $walk_panicked == 0
    echo none: PASS\n
  end
  if $walk_panicked == 1
    printf "%s:%u:%u: %s", $walk_file, $walk_line, $walk_column, $walk_message
    walk fail
  end
  if $walk_panicked == 2
    if $walk_stop == $walk_ended
      echo not known: the machine has ended\n
    else
      echo not known: the kernel has no symbol panic_record\n
    end
  end
end

define walk not-run
  printf "$arg0: not run"
  walk fail
end

# $walk_past: whether boot is over already. Says so once.
define walk past-boot
  set $walk_past = $walk_booted && $walk_in_boot == 0 || $walk_inside && $walk_pc != $walk_boot || $walk_stop == $walk_trapped
  if $walk_past
    echo check-boot: not run, already past boot
    walk again
    echo \n
    set $walk_failures = $walk_failures + 1
  end
end

define walk commands
  echo Commands: boot, stack, bss, idle, panic, check-boot (all of them), why (explains a trap).\n
end

# Explains the last trap to S-mode, from the registers that it left.
define walk tell-why
  if $walk_sepc == 0
    echo why: no trap since the firmware entered the kernel: sepc is 0\n
  else
    printf "why: "
    set $walk_was = $walk_stop
    set $walk_stop = $walk_trapped
    walk explain
    set $walk_stop = $walk_was
    echo \n
    if $walk_vector == $walk_lowest
      printf "why: stvec is still what the firmware set, "
      walk place $walk_lowest
      echo : each trap enters the kernel again\n
    else
      printf "why: its handler is at "
      walk place $walk_vector
      echo \n
    end
    if $walk_inside == 0
      printf "why: the hart is at "
      walk place $walk_pc
      echo , outside of the kernel: in the firmware, or at a wrong address\n
    end
  end
end

define walk all
  walk to-boot
  if $walk_in_boot == 0
    walk not-run stack
    walk not-run bss
    walk not-run idle
  else
    walk set-sp
    walk clear
    if $walk_stop == $walk_trapped || $walk_late
      walk not-run idle
    else
      walk to-idle
    end
  end
  walk show-panic
end
