//! A recording comes back as it was written, and damaged or hostile bytes are errors.

use std::path::Path;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use proptest::prelude::*;

use super::*;
use crate::machine::Machine;
use crate::riscv::Xlen;

const LIMIT: std::time::Duration = std::time::Duration::from_secs(100);

/// A run of the smallest kernel, with a change of every kind.
fn machine() -> (Image, Options, Embedded) {
    let image = Image::parse(Path::new("folder/kernel"), crate::image::neutral(Xlen::Rv64)).unwrap();
    let options = Options::default();
    let mut machine = Embedded::load(&image, &options).unwrap();
    machine.input(b"typed").unwrap();
    machine.step(2, LIMIT).unwrap();
    machine.write_register(Register::Gpr(9), 0x1234).unwrap();
    machine.write_physical(Address(0x8100_0000), &[0xa5; 10_000]).unwrap();
    machine.write_memory(Address(0x8200_0000), b"some bytes").unwrap();
    machine.step(1, LIMIT).unwrap();
    (image, options, machine)
}

fn recording() -> Recording {
    let (image, options, mut machine) = machine();
    let run = Run { image: &image, load_address: None, options: &options, purpose: serde_json::json!({ "test": 1 }) };
    Recording::of(run, &mut machine).unwrap()
}

/// A machine at the beginning of a recorded run.
fn fresh(recording: &Recording) -> Embedded {
    let folder = tempfile::tempdir().unwrap();
    let image = Image::open_files(&recording.unpack(folder.path()).unwrap()).unwrap();
    Embedded::load(&image, &Options::default()).unwrap()
}

fn parse(bytes: &[u8]) -> Result<Recording, Error> {
    Recording::parse(Path::new("boot.rec"), bytes)
}

/// The bytes of a recording with this body, whose sums are right.
fn with_body(body: &[u8]) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut packed, body).unwrap();
    let packed = packed.finish().unwrap();
    let sums =
        [&1_u32.to_le_bytes()[..], &(packed.len() as u64).to_le_bytes(), &crc32fast::hash(&packed).to_le_bytes()];
    [b"boot recording\n\0", &sums.concat()[..], &packed].concat()
}

#[test]
fn a_recording_is_read_as_it_was_written_and_does_the_run_again() {
    let recording = recording();
    let read = parse(&recording.to_bytes()).unwrap();
    assert_eq!(read, recording);
    let folder = tempfile::tempdir().unwrap();
    let files = read.unpack(folder.path()).unwrap();
    assert_eq!(files.kernel.file_name().unwrap(), "kernel");
    let image = Image::open_files(&files).unwrap();
    let mut again = Embedded::load(&image, &read.options(folder.path()).unwrap()).unwrap();
    read.play(&mut again).unwrap();
    let (_, _, mut machine) = machine();
    assert_eq!((again.icount(), again.digest()), (machine.icount(), machine.digest()));
    assert_eq!(again.changes(), machine.changes());
    read.compare(&again).unwrap();
    again.write_register(Register::Gpr(9), 1).unwrap();
    assert!(matches!(read.compare(&again), Err(Error::Differs { what: "what the checks do", .. })));
}

#[test]
fn another_run_is_refused_with_the_point_at_which_it_differs() {
    let mut recording = recording();
    let end = recording.header.end;
    recording.header.points.last_mut().unwrap().memory ^= 1;
    let error = recording.play(&mut fresh(&recording)).unwrap_err();
    assert!(matches!(error, Error::Differs { at, what: "memory", .. } if at == end), "{error}");
    recording.header.changes[1].1 = Noted::Register(Kind::Csr, 0xfff, 0);
    let error = recording.play(&mut fresh(&recording)).unwrap_err();
    assert!(
        error.to_string().contains(&format!("at instruction 2 of {end} what can be changed is not as recorded")),
        "{error}"
    );
}

#[test]
fn a_register_that_no_hart_has_is_refused() {
    for (kind, number) in [(Kind::Gpr, 32), (Kind::Fpr, 32), (Kind::Gpr, 256), (Kind::Fpr, 0xffff)] {
        let mut recording = recording();
        recording.header.changes[1].1 = Noted::Register(kind, number, 1);
        let mut again = fresh(&recording);
        let error = recording.play(&mut again).unwrap_err();
        assert!(matches!(error, Error::Differs { at: 2, what: "what can be changed", .. }), "{number}: {error}");
    }
}

#[test]
fn a_run_with_another_change_or_another_end_is_not_the_recorded_one() {
    let (mut recording, (_, _, mut machine)) = (recording(), machine());
    recording.compare(&machine).unwrap();
    recording.header.changes[1].1 = Noted::Register(Kind::Gpr, 9, 0x1235);
    let error = recording.compare(&machine).unwrap_err();
    assert!(matches!(error, Error::Differs { at: 2, what: "what the checks do", .. }), "{error}");
    let recording = self::recording();
    let end = machine.icount();
    machine.step(1, LIMIT).unwrap();
    let error = recording.compare(&machine).unwrap_err();
    assert!(matches!(error, Error::Differs { at, what: "the run's end", .. } if at == end), "{error}");
}

#[test]
fn a_cut_recording_says_that_it_is_cut() {
    let bytes = recording().to_bytes();
    for length in 0..bytes.len() {
        let error = parse(&bytes[..length]).unwrap_err();
        let is_right = matches!(error, Error::Damaged { what: "it is cut", .. });
        assert!(is_right || length < 16 && matches!(error, Error::NotARecording(_)), "{length}: {error}");
    }
    let longer = parse(&[&bytes[..], b"x"].concat()).unwrap_err();
    assert!(matches!(longer, Error::Damaged { what: "it is longer than it says", .. }), "{longer}");
}

#[test]
fn a_recording_of_another_schema_is_named() {
    let mut bytes = recording().to_bytes();
    bytes[16] = 7;
    assert!(parse(&bytes).unwrap_err().to_string().contains("schema 7, and this version knows 1"));
}

#[test]
fn a_header_that_lies_is_refused() {
    type Lie = fn(&mut Recording);
    let lies: [(&str, Lie); 10] = [
        ("it refers to a file that is not in it", |recording| recording.header.kernel.blob = 99),
        ("it refers to a file that is not in it", |recording| recording.header.changes[0].1 = Noted::Input(99)),
        ("its moments are not in order", |recording| recording.header.changes[0].0 = 1 << 40),
        ("its memory size is invalid", |recording| recording.header.memory_mib = u64::MAX),
        ("its moments are not in order", |recording| recording.header.points.clear()),
        ("its moments are not in order", |recording| recording.header.clock = Some((Vec::new(), vec![2, 1]))),
        ("its moments are not in order", |recording| recording.header.changes.swap(0, 1)),
        ("its moments are not in order", |recording| recording.header.points.swap(0, 1)),
        ("its moments are not in order", |recording| recording.header.changes.last_mut().unwrap().0 += 2),
        ("its moments are not in order", |recording| {
            recording.header.end = u64::MAX;
            recording.header.points.last_mut().unwrap().at = u64::MAX;
        }),
    ];
    for (words, lie) in lies {
        let mut recording = recording();
        lie(&mut recording);
        let error = parse(&recording.to_bytes()).unwrap_err();
        assert!(matches!(error, Error::Damaged { what, .. } if what == words), "{words}: {error}");
    }
    let names = Named { name: "../../outside".into(), blob: 0 };
    let mut recording = recording();
    recording.header.kernel = names;
    let folder = tempfile::tempdir().unwrap();
    assert!(recording.unpack(folder.path()).unwrap().kernel.starts_with(folder.path()));
}

#[test]
fn a_hart_that_this_version_does_not_have_is_named() {
    let mut recording = recording();
    recording.header.cpu = "rv64,time-machine=on".into();
    let error = recording.options(Path::new("")).unwrap_err().to_string();
    assert!(error.contains("of which this version does not know time-machine=on; try: "), "{error}");
}

#[test]
fn what_is_promised_takes_no_memory() {
    let document = |lengths: serde_json::Value| {
        let header = serde_json::to_value(&recording().header).unwrap();
        let document = serde_json::json!({ "lengths": lengths, "header": header }).to_string();
        with_body(&[&(document.len() as u32).to_le_bytes()[..], document.as_bytes()].concat())
    };
    let cases = [
        (document(serde_json::json!([u64::MAX, 1])), "its files are too large"),
        (document(serde_json::json!([1_u64 << 40])), "its files are too large"),
        (document(serde_json::json!([1 << 28])), "a file in it is cut"),
        (with_body(&u32::MAX.to_le_bytes()), "its header is too large"),
        (with_body(&100_u32.to_le_bytes()), "its header is cut"),
    ];
    for (bytes, words) in cases {
        let error = parse(&bytes).unwrap_err();
        assert!(matches!(error, Error::Damaged { what, .. } if what == words), "{words}: {error}");
    }
}

proptest! {
    #[test]
    fn a_flipped_byte_is_an_error(place in any::<prop::sample::Index>(), bits in 1_u8..) {
        let mut bytes = recording().to_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= bits;
        prop_assert!(parse(&bytes).is_err());
    }

    #[test]
    fn no_bytes_harm(body in proptest::collection::vec(any::<u8>(), 0..200), packed in any::<bool>()) {
        let bytes = if packed { with_body(&body) } else { [&b"boot recording\n\0"[..], &body].concat() };
        prop_assert!(parse(&bytes).is_err());
    }

    #[test]
    fn no_header_harms(place in any::<prop::sample::Index>(), with in "[0-9a-z\"\\[\\]{},:-]{0,4}") {
        let recording = recording();
        let header = serde_json::to_string(&recording.header).unwrap();
        let lengths: Vec<usize> = recording.blobs.iter().map(Vec::len).collect();
        let mut document = serde_json::to_string(&serde_json::json!({ "lengths": lengths })).unwrap();
        document.insert_str(document.len() - 1, &format!(",\"header\":{header}"));
        let place = place.index(document.len());
        document.replace_range(place..=place, &with);
        let body = [&(document.len() as u32).to_le_bytes()[..], document.as_bytes(), &recording.blobs.concat()].concat();
        if let Ok(read) = parse(&with_body(&body)) {
            // What it accepts it can use: only the lengths of runs are anybody's.
            let folder = tempfile::tempdir().unwrap();
            let _ = (read.unpack(folder.path()), read.options(folder.path()));
            prop_assert!(read.header.changes.iter().all(|(_, noted)| !matches!(noted, Noted::Input(blob) if *blob >= read.blobs.len())));
        }
    }
}
