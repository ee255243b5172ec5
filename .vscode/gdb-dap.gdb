# For gdb-dap: commands that GDB runs after `target remote`.
source .vscode/gdb-dap.py
define target hookpost-remote
  source .vscode/registers.gdb
  python show_buttons()
  set language c
  if $pc != &boot
    tbreak *boot
    continue
  end
  set language auto
end
