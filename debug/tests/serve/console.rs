//! `monitor console TEXT` and `--memory`: what is typed to the machine, and how large it is.

use std::process::Stdio;

use crate::client::Client;
use crate::kernels;
use crate::server::{Server, await_end, command};

#[test]
fn what_is_typed_is_part_of_the_past() {
    let server = Server::start("echoes");
    let mut client = Client::new(&server);
    client.monitor("goto 200000");
    client.monitor("console hello");
    assert_eq!(client.monitor("console"), "");
    client.monitor("goto 400000");
    assert_eq!(client.monitor("console").trim_end_matches('\n'), "hello\r");
    let then = client.state();
    for place in ["goto 100000", "goto 0", "goto 300000"] {
        client.monitor(place);
        client.monitor("goto 400000");
        assert_eq!(client.monitor("console").trim_end_matches('\n'), "hello\r", "from {place}");
        assert_eq!(client.state().differences(&then), "", "from {place}");
    }
    client.monitor("goto 199999");
    assert_eq!(client.monitor("console"), "");
    drop(client);
    server.end();
}

#[test]
#[cfg(target_os = "linux")] // whose /proc has the pipe's other end
fn a_server_whose_output_nobody_reads_answers() {
    let server = Server::start("prints-for-ever");
    let mut client = Client::new(&server);
    client.send("vCont;c:p1.1");
    server.fill_stdout();
    for _ in 0..2 {
        client.send_raw(b"\x03");
        assert!(String::from_utf8(client.receive()).unwrap().contains("02"), "it is interrupted");
        client.send("vCont;c:p1.1");
    }
    drop(client);
    server.end();
}

#[test]
fn memory_may_be_small_and_large() {
    for (mebibytes, end) in [("8", "0000000080800000"), ("1024", "00000000c0000000")] {
        let server = Server::with(&kernels::build("good"), &["--memory", mebibytes]);
        crate::gdb::says(&server, &["info mem"], &[&format!("0x0000000080000000 0x{end} rw")]);
        server.end();
    }
}

#[test]
fn memory_that_cannot_be_is_refused_with_what_can() {
    let kernel = kernels::build("good");
    for (mebibytes, words) in [
        ("0", "--memory takes 8 to 16384 (MiB)"),
        ("1", "--memory takes 8 to 16384 (MiB)"),
        ("16385", "--memory takes 8 to 16384 (MiB)"),
        ("18446744073709551615", "--memory takes 8 to 16384 (MiB)"),
        ("18446744073709551616", "invalid value '18446744073709551616' for '--memory <MIB>'"),
        ("-1", "unexpected argument '-1' found"),
        ("128M", "invalid value '128M' for '--memory <MIB>'"),
    ] {
        let mut child =
            command(&kernel, "unix:never").args(["--memory", mebibytes]).stderr(Stdio::piped()).spawn().unwrap();
        let status = await_end(&mut child);
        let told = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
        assert_eq!(status, Some(2), "{told}");
        assert!(told.contains(words), "{told}");
    }
}

#[test]
#[cfg(target_os = "linux")] // whose ulimit has -v
fn memory_that_the_computer_does_not_have_is_refused_too() {
    let kernel = kernels::build("good");
    let serve = command(&kernel, "unix:never");
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "ulimit -v 4194304; exec \"$0\" \"$@\" --memory 16384"]).arg(serve.get_program());
    let mut child = limited.args(serve.get_args()).stderr(Stdio::piped()).spawn().unwrap();
    let status = await_end(&mut child);
    let told = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert_eq!(status, Some(2), "{told}");
    assert!(told.contains("not enough host memory for 16384 MiB"), "{told}");
}
