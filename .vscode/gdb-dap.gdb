# For gdb-dap: what GDB does by itself behind `target remote`.
define target hookpost-remote
  source .vscode/registers.gdb
  tbreak *boot
  continue
end
