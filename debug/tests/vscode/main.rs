//! F5, proven: each configuration of .vscode/launch.json is run as VS Code runs it, and held to the same walk.
//!
//! | configuration's type | run here |
//! | --- | --- |
//! | gdbtarget, gdb-dap, lldb-dap | the real debug adapter, in VS Code's order of requests |
//! | cppdbg | the GDB/MI commands that its adapter sends, in a real GDB: the adapter may be run by Microsoft's editors only |
//! | lldb | the configuration's commands, in a real LLDB: CodeLLDB is in no package registry |
//!
//! install.sh brings the adapters. VS Code itself is run by code-server/run.sh.

mod cppdbg;
mod dap;
mod lldb;
mod proofs;
mod sandbox;
mod session;
mod settings;
mod task;
mod walk;
mod workspace;
