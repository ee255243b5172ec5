//! `--listen`: where a machine waits for GDB. It does not know which machine.

use std::io::{self, Write};
use std::net::ToSocketAddrs;

use anyhow::{Context, anyhow};
use debug::guardian::{Stub, Ward};
use debug::qemu::{Foreground, MachineOptions};
use debug::serve::{self, Listener};
use debug::{Endpoint, qemu};

use super::kernel::{Kernel, KernelArguments};
use super::{START, narration};

/// Starts QEMU with its hart at reset and its stub at `listen`, by default a private socket.
pub fn start_qemu(
    arguments: &KernelArguments,
    kernel: &Kernel,
    listen: Option<&Endpoint>,
) -> anyhow::Result<Foreground> {
    make_way(arguments, listen)?;
    start_machine(arguments, kernel.machine(), listen)
}

/// Looks whether nobody listens there, before anything is started.
pub fn make_way(arguments: &KernelArguments, listen: Option<&Endpoint>) -> anyhow::Result<()> {
    let make_way = |endpoint| Listener::make_way(endpoint).map_err(|error| with_option(error, arguments));
    listen.map(make_way).transpose().map(drop)
}

/// As [`start_qemu`], of this machine, and where the way was made.
pub fn start_machine(
    arguments: &KernelArguments,
    machine: &MachineOptions,
    listen: Option<&Endpoint>,
) -> anyhow::Result<Foreground> {
    warn(listen.is_none_or(is_local));
    narration::tell_machine(machine, true);
    // Whoever names an address may read a terminal's lines, as VS Code does: what moves on the line before [`tell`] would be part of it.
    let _waiting = listen.is_none().then(|| narration::Waiting::until("starting QEMU"));
    let stub = listen.map_or(Stub::Private, |endpoint| Stub::At(endpoint.clone()));
    Foreground::start(machine, Some(stub), START).map_err(|error| match (&error, listen) {
        (qemu::Error::Failed { .. }, Some(endpoint)) if Listener::make_way(endpoint).is_err() => {
            anyhow!("{error}\n{endpoint} was taken meanwhile; try: {}", another(arguments))
        }
        _ => error.into(),
    })
}

/// Listens there.
pub fn bind(arguments: &KernelArguments, endpoint: &Endpoint) -> anyhow::Result<Listener> {
    let listener = Listener::bind(endpoint).map_err(|error| with_option(error, arguments))?;
    warn(listener.is_local());
    Ok(listener)
}

/// Warns if other computers can connect.
fn warn(is_local: bool) {
    if !is_local {
        narration::say("warning: other computers can connect and control the machine; try: --listen 127.0.0.1:PORT");
    }
}

fn is_local(endpoint: &Endpoint) -> bool {
    match endpoint {
        Endpoint::Tcp(address) => {
            address.to_socket_addrs().is_ok_and(|mut found| found.all(|one| one.ip().is_loopback()))
        }
        Endpoint::Unix(_) => true,
    }
}

/// Removes the socket also where this process is killed.
pub fn remove_with_us(ward: &mut Ward, endpoint: &Endpoint) -> anyhow::Result<()> {
    match endpoint {
        Endpoint::Unix(path) => {
            ward.remove_with_us(path).context("cannot start the process that removes the socket at the end")
        }
        Endpoint::Tcp(_) => Ok(()),
    }
}

/// Prints the line that programs wait for.
pub fn tell(endpoint: &Endpoint) -> anyhow::Result<()> {
    let mut stdout = io::stdout();
    let told = writeln!(stdout, "waiting for GDB on {endpoint}").and_then(|()| stdout.flush());
    told.context("cannot write to standard output")
}

/// The error, with the option that names another address.
fn with_option(error: serve::Error, arguments: &KernelArguments) -> anyhow::Error {
    let another = another(arguments);
    match error {
        serve::Error::InUse(_) => anyhow!("{error}, or use {another}"),
        serve::Error::NotASocket(_) | serve::Error::Listen { .. } => anyhow!("{error}; try: {another}"),
        _ => error.into(),
    }
}

fn another(arguments: &KernelArguments) -> &'static str {
    match arguments.qemu.is_run_sh() {
        true => "another address: --port N or --socket PATH",
        false => "another address: --listen HOST:PORT or unix:PATH",
    }
}
