//! A stub that lies, stalls and floods: each time an error of the right kind, within the deadline, and memory bounded.

mod stub;
mod watchpoint;

use std::time::{Duration, Instant};

use debug::Endpoint;
use debug::machine::{Address, Error as MachineError, Machine, Register, Stop};
use debug::rsp::Error;
use debug::{Remote, machine};
use stub::{Answer, packet, stub};
use testkit::kernels;

/// What the tests wait for at the most, where a stub never answers.
const DEADLINE: Duration = Duration::from_secs(2);
/// A generous bound on how late an error may come.
const LATE: Duration = Duration::from_secs(20);

/// What attaching to such a stub comes to.
fn attach(answer: impl Fn(&[u8]) -> Option<Answer> + Send + 'static) -> Result<Remote, Error> {
    let (_folder, target) = stub(answer);
    let begin = Instant::now();
    let attached = Remote::attach(&target, begin + DEADLINE);
    assert!(begin.elapsed() < LATE);
    attached
}

/// A machine behind a stub that is good until it is attached to.
fn machine(command: &'static [u8], answer: fn() -> Answer) -> Remote {
    attach(move |received| received.starts_with(command).then(answer)).expect("it is good but for one command")
}

/// The error of an operation on a machine whose stub answers `command` so.
fn failure<T>(
    command: &'static [u8],
    answer: fn() -> Answer,
    operation: impl FnOnce(&mut Remote) -> Result<T, MachineError>,
) -> MachineError {
    let mut machine = machine(command, answer);
    let begin = Instant::now();
    let result = operation(&mut machine);
    assert!(begin.elapsed() < LATE);
    result.err().expect("it must fail")
}

fn read_16(machine: &mut Remote) -> Result<(), MachineError> {
    machine.read_memory(Address(0x8020_0000), &mut [0; 16])
}

fn protocol(error: MachineError) -> Error {
    match error {
        MachineError::Connection(error) => *error.downcast().expect("it is the protocol's error"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_stub_is_attached_to() {
    assert!(attach(|_| None).is_ok());
}

#[test]
fn silence_is_a_timeout_that_says_what_was_awaited() {
    let Err(Error::Timeout { awaited, .. }) = attach(|_| Some(Answer::Silence)) else { panic!("no timeout") };
    assert_eq!(awaited, "qSupported");
}

/// The stub may be well, and the computer busy.
#[test]
fn silence_until_the_time_limit_says_that_it_was_the_limit() {
    let error = failure(b"m", || Answer::Silence, read_16).to_string();
    assert!(error.ends_with("; the time limit was over; try: a longer one, or a less busy computer"), "{error}");
}

#[test]
fn nobody_there_is_told_with_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let target = Endpoint::Unix(folder.path().join("nobody"));
    let error = Remote::attach(&target, Instant::now() + DEADLINE).err().unwrap();
    assert!(matches!(&error, Error::Connect { to, .. } if to.ends_with("/nobody")), "{error}");
}

#[test]
fn a_close_in_mid_packet_is_told_as_such() {
    let (folder, target) = stub(|_| Some(Answer::Raw(b"+$PacketSi".to_vec())));
    let begin = Instant::now();
    // The stub says no more: the timeout names the packet that was cut.
    assert!(matches!(Remote::attach(&target, begin + DEADLINE), Err(Error::Timeout { .. })));
    drop(folder);
    let error = failure(b"m", || Answer::Close, read_16);
    assert!(matches!(error, MachineError::Gone { .. }), "{error}");
}

#[test]
fn another_protocol_is_noticed() {
    let error = attach(|_| Some(Answer::Endless(b"HTTP/1.1 400 Bad Request\r\n".to_vec()))).err().unwrap();
    assert!(matches!(error, Error::Garbled { .. }), "{error}");
}

#[test]
fn wrong_checksums_are_asked_for_again_and_then_told() {
    let error = failure(b"m", || Answer::Endless(b"$00#ff".to_vec()), read_16);
    assert!(matches!(protocol(error), Error::Garbled { .. }));
}

#[test]
fn endless_acks_end_at_the_deadline() {
    let error = failure(b"m", || Answer::Endless(b"++++++++".to_vec()), read_16);
    assert!(matches!(error, MachineError::Timeout { .. }), "{error}");
}

#[test]
fn an_endless_packet_is_cut_off() {
    let error = failure(b"m", || Answer::Endless(vec![b'$'; 1].into_iter().chain([b'0'; 4096]).collect()), read_16);
    assert!(matches!(protocol(error), Error::TooLong { .. }));
}

#[test]
fn a_run_length_bomb_is_cut_off() {
    let bomb = || {
        let data: Vec<u8> = [b'0'].into_iter().chain(b"*~".repeat(20_000)).collect();
        Answer::Packet(data)
    };
    assert!(matches!(protocol(failure(b"m", bomb, read_16)), Error::TooLong { .. }));
}

#[test]
fn a_short_memory_reply_is_no_memory() {
    let error = failure(b"m", || Answer::Packet(b"0000".to_vec()), read_16);
    assert!(matches!(protocol(error), Error::Unexpected { .. }));
}

#[test]
fn a_memory_reply_that_is_too_long_is_refused() {
    let error = failure(b"m", || Answer::Packet(vec![b'0'; 34]), read_16);
    assert!(matches!(protocol(error), Error::Unexpected { .. }));
}

#[test]
fn memory_that_is_not_hexadecimal_is_refused() {
    let error = failure(b"m", || Answer::Packet(vec![b'g'; 32]), read_16);
    assert!(matches!(protocol(error), Error::Unexpected { .. }));
}

#[test]
fn an_empty_reply_means_unsupported() {
    let error = failure(b"M", || Answer::Packet(Vec::new()), |machine| machine.write_memory(Address(0), &[0]));
    assert!(matches!(error, MachineError::Unsupported { .. }), "{error}");
}

#[test]
fn an_error_number_is_a_refusal() {
    let error = failure(b"m", || Answer::Packet(b"E0e".to_vec()), read_16);
    assert!(matches!(&error, MachineError::Refused { reason, .. } if reason == "error 0x0e"), "{error}");
}

#[test]
fn short_registers_are_no_registers() {
    let error = failure(b"g", || Answer::Packet(vec![b'0'; 32 * 16]), |machine| machine.registers());
    assert!(matches!(protocol(error), Error::Unexpected { .. }));
    let error = failure(b"p", || Answer::Packet(b"00".to_vec()), |machine| machine.read_register(machine::csr::SATP));
    assert!(matches!(protocol(error), Error::Unexpected { .. }));
}

#[test]
fn a_register_that_the_stub_does_not_have_is_unsupported() {
    let error = machine(b"never", || Answer::Silence).read_register(Register::Priv).unwrap_err();
    assert!(matches!(error, MachineError::Unsupported { .. }), "{error}");
}

#[test]
fn another_architecture_is_refused() {
    let xml = "l<target><architecture>i386:x86-64</architecture></target>";
    let error = attach(move |command| command.starts_with(b"qXfer").then(|| Answer::Packet(xml.as_bytes().to_vec())));
    assert!(error.err().unwrap().to_string().contains("i386:x86-64"));
}

#[test]
fn a_description_without_an_end_is_cut_off() {
    let error =
        attach(|command| command.starts_with(b"qXfer").then(|| Answer::Packet([b"m", &[b' '; 3000][..]].concat())));
    assert!(matches!(error, Err(Error::TooLong { .. } | Error::Timeout { .. })));
}

#[test]
fn a_description_that_includes_itself_ends() {
    let xml = r#"l<target><xi:include href="target.xml"/><xi:include href="target.xml"/></target>"#;
    let error = attach(move |command| command.starts_with(b"qXfer").then(|| Answer::Packet(xml.as_bytes().to_vec())));
    assert!(matches!(error, Err(Error::Unexpected { .. })));
}

#[test]
fn a_machine_that_never_stops_is_interrupted_and_a_dead_one_is_told() {
    // Neither vCont;c nor the interrupt is answered.
    let error = failure(b"vCont;c", || Answer::Silence, |machine| machine.resume(Duration::from_millis(50)));
    assert!(matches!(&error, MachineError::Timeout { awaited, .. } if awaited.contains("interrupt")), "{error}");
}

#[test]
fn console_output_is_no_stop() {
    let mut machine = machine(b"vCont;c", || Answer::Raw([packet(b"O48690a"), packet(b"T05")].concat()));
    assert_eq!(machine.resume(DEADLINE).unwrap(), Stop::Breakpoint);
}

#[test]
fn the_end_of_the_machine_is_a_stop() {
    let mut machine = machine(b"vCont;c", || Answer::Packet(b"W03".to_vec()));
    assert_eq!(machine.resume(DEADLINE).unwrap(), Stop::Exited { status: Some(3) });
}

#[test]
fn the_end_of_a_recorded_run_is_a_stop_like_the_machine_s() {
    let end: fn() -> Answer = || Answer::Packet(b"T05replaylog:end;".to_vec());
    let begin: fn() -> Answer = || Answer::Packet(b"T05replaylog:begin;".to_vec());
    for (answer, stop) in [(end, Stop::Exited { status: None }), (begin, Stop::Beginning)] {
        let mut machine = machine(b"vCont;", answer);
        assert_eq!(machine.resume(DEADLINE).unwrap(), stop);
        assert_eq!(machine.step(2, DEADLINE).unwrap(), (0, stop), "nothing was executed");
    }
}

#[test]
fn a_stop_that_is_none_is_told() {
    let error = failure(b"vCont;c", || Answer::Packet(b"OK".to_vec()), |machine| machine.resume(DEADLINE));
    assert!(matches!(protocol(error), Error::Unexpected { .. }));
}
