//! Clients that break the protocol, on purpose or because they are broken: each loses its connection at most.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use debug::Endpoint;
use debug::embedded::Options;
use debug::image::KernelFiles;
use debug::serve::{GdbTarget, Listener, serve};
use proptest::prelude::*;

use crate::client::{Client, frame};
use crate::kernels;
use crate::server::{PATIENCE, Server};

/// Packets that a client may send, for mutation.
const PACKETS: &[&str] = &[
    "qSupported:multiprocess+;swbreak+;hwbreak+",
    "?",
    "g",
    "G00",
    "p20",
    "p1041",
    "P20=0000208000000000",
    "m80200000,100",
    "mffffffffffffffff,ff",
    "M80300000,4:deadbeef",
    "X80300000,4:abcd",
    "Z0,80200008,4",
    "z0,80200008,4",
    "Z2,80202940,1000",
    "Z4,0,ffffffffffffffff",
    "vCont?",
    "vCont;s:p1.-1",
    "vCont;r80200000,80200010:p1.1",
    "s",
    "bs",
    "bc",
    "qXfer:features:read:target.xml:0,1000",
    "qXfer:memory-map:read::0,fff",
    "qXfer:exec-file:read::0,fff",
    "qRcmd,69636f756e74",
    "qRcmd,676f746f203130303030",
    "Hgp0.0",
    "Hc-1",
    "qfThreadInfo",
    "T1",
    "qC",
    "QStartNoAckMode",
];

fn packet() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(PACKETS).prop_map(|packet| packet.as_bytes().to_vec());
    let changed = (known.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut packet, index, byte)| {
        let at = index.index(packet.len());
        packet[at] = byte;
        packet
    });
    let cut = (known.clone(), any::<prop::sample::Index>()).prop_map(|(mut packet, index)| {
        packet.truncate(index.index(packet.len()));
        packet
    });
    let long = (known.clone(), prop::collection::vec(any::<u8>(), 0..64)).prop_map(|(mut packet, more)| {
        packet.extend(more);
        packet
    });
    let framed = prop_oneof![known, changed, cut, long, prop::collection::vec(any::<u8>(), 0..32)];
    prop_oneof![
        8 => framed.prop_map(|body| frame(&body)),
        1 => prop::collection::vec(any::<u8>(), 0..64),
        1 => Just(vec![3]),
    ]
}

/// Nothing that runs on for long, or asks for the end, as a client may.
fn is_short(bytes: &[u8]) -> bool {
    let forbidden: [&[u8]; 5] = [b"vCont;c", b"$c", b"$C", b"$k", b"vKill"];
    !forbidden.iter().any(|word| bytes.windows(word.len()).any(|window| window == *word))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// In this process, so that a panic is seen.
    #[test]
    fn no_bytes_bring_the_server_down(packets in prop::collection::vec(packet(), 1..12)) {
        let bytes: Vec<u8> = packets.into_iter().filter(|bytes| is_short(bytes)).flatten().collect();
        prop_assume!(is_short(&bytes));
        let folder = tempfile::tempdir().unwrap();
        let endpoint = Endpoint::Unix(folder.path().join("gdb"));
        let listener = Listener::bind(&endpoint).unwrap();
        let (ending, end) = UnixStream::pair().unwrap();
        let server = thread::spawn(move || {
            let options = Options { memory_mib: 8, history_mib: 4, ..Options::default() };
            let mut target = GdbTarget::open(&KernelFiles::of(&kernels::build("power-off")), options).unwrap();
            serve(&listener, &mut target, &ending, None, &mut |_| {}).unwrap();
        });
        let mut client = UnixStream::connect(folder.path().join("gdb")).unwrap();
        client.set_write_timeout(Some(PATIENCE)).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        // It may have had enough of us before we have said all.
        let _ = client.write_all(&bytes);
        let _ = client.shutdown(std::net::Shutdown::Write);
        let mut answers = Vec::new();
        let _ = client.read_to_end(&mut answers);
        drop(end);
        server.join().unwrap();
    }
}

#[test]
fn a_client_that_breaks_the_protocol_leaves_the_machine_to_the_next() {
    let server = Server::start("good");
    for bytes in [&b"$g#00"[..], b"garbage", b"$Hg-1#e0", b"$Z0#8a", b"\x80\xff\x00", &[b'$'; 100_000], b"$"] {
        let mut client = Client::new(&server);
        client.stop("vCont;s:p1.1");
        client.send_raw(bytes);
    }
    let mut client = Client::new(&server);
    assert!(client.monitor("icount").starts_with("7 instructions"), "{}", client.monitor("icount"));
    drop(client);
    server.end();
}

/// GDB asks again for an answer every two seconds in which it gets none; other clients acknowledge every packet.
#[test]
fn an_impatient_client_gets_its_answer() {
    let server = Server::with(&kernels::build("computes"), &[]);
    let mut client = Client::new(&server);
    client.send_raw(b"-");
    client.send_monitor("goto 200000000");
    // By this it is on its way, and looks whether the client says something.
    assert!(client.receive().starts_with(b"O"));
    client.send_raw(b"-+-");
    let answer = client.receive_text();
    assert!(answer.starts_with("200000000 instructions since boot") && !answer.contains("interrupted"), "{answer}");
    assert!(client.monitor("icount").starts_with("200000000 instructions since boot"));
    drop(client);
    server.end();
}

#[test]
fn a_client_that_does_not_read_does_not_block_for_ever() {
    let server = Server::start("good");
    let mut deaf = server.connect();
    let request = frame(b"m80200000,1f00").repeat(100);
    // Until the server stops reading too, and then gives up.
    while deaf.write_all(&request).is_ok() {}
    drop(deaf);
    let mut client = Client::new(&server);
    assert!(client.monitor("icount").starts_with("0 instructions"));
    drop(client);
    assert!(server.end().contains("did not read our replies"));
}

#[test]
fn somebody_else_in_the_way_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "mine").unwrap();
    let bind =
        |path: &std::path::Path| Listener::bind(&Endpoint::Unix(path.into())).err().map(|error| error.to_string());
    assert!(bind(&path).unwrap().contains("is not a socket"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    let used = folder.path().join("used");
    let listener = UnixListener::bind(&used).unwrap();
    assert!(bind(&used).unwrap().contains("is in use"));
    // Nobody listens any more: what is left is removed.
    drop(listener);
    assert!(used.exists());
    assert_eq!(bind(&used), None);
    assert!(!used.exists(), "and what we made we remove");
}
