// The adapter of the type gdb-dap is GDB itself, under the name that the configuration gives. DAP_GDB is one that is new enough.

const vscode = require("vscode");

exports.activate = (context) => {
    const createDebugAdapterDescriptor = ({ configuration }) =>
        new vscode.DebugAdapterExecutable(configuration.debugAdapterExecutable, ["-i", "dap"], { env: { GDB: process.env.DAP_GDB } });
    context.subscriptions.push(vscode.debug.registerDebugAdapterDescriptorFactory("gdb-dap", { createDebugAdapterDescriptor }));
};
