//! virtio's console, random numbers and network, beside QEMU and beside their own past.

use std::fs;

use debug::Machine;
use debug::embedded::{Device, Devices, Network, Options};
use debug::machine::Stop;

use super::{LIMIT, here, on_qemu, same};

const PRINTED: &str = "through virtio\n";

fn all(modern: bool) -> Devices {
    let network = Device::Network(Network::default());
    Devices { virtio: vec![Device::Console, Device::Random { seed: 1 }, network], modern, ..Devices::default() }
}

/// The packets of a pcap file of this computer's byte order, without their times.
fn packets(file: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut packets) = (&file[24..], Vec::new());
    while let Some((header, bytes)) = rest.split_at_checked(16) {
        let length = u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
        packets.push(bytes[..length].to_vec());
        rest = &bytes[length..];
    }
    packets
}

fn compare(modern: bool) {
    let folder = tempfile::tempdir().unwrap();
    let [printed, sent] = ["printed", "sent"].map(|name| folder.path().join(name));
    let chardev = format!("file,id=c,path={}", printed.display());
    let dump = format!("filter-dump,id=f,netdev=n,file={}", sent.display());
    let mut arguments = vec!["-chardev", &chardev, "-device", "virtio-serial-device"];
    arguments.extend(["-device", "virtconsole,chardev=c", "-device", "virtio-rng-device"]);
    arguments.extend([
        "-netdev",
        "user,id=n,restrict=on,ipv6=off",
        "-device",
        "virtio-net-device,netdev=n",
        "-object",
        &dump,
    ]);
    if modern {
        arguments.extend(["-global", "virtio-mmio.force-legacy=false"]);
    }
    let there = on_qemu("others", "", &arguments);
    let (here, machine) = here("others", "", &Options { devices: all(modern), ..Options::default() });
    assert_eq!(fs::read_to_string(printed).unwrap(), PRINTED);
    assert!(here.contains(PRINTED), "{here}");
    same(&here.replace(PRINTED, ""), &there);
    let (here, there) = (packets(&machine.sent_packets()), packets(&fs::read(sent).unwrap()));
    assert_eq!((here.len(), &here), (3, &there));
}

#[test]
fn legacy_console_random_numbers_and_network_are_qemu_s() {
    compare(false);
}

#[test]
fn modern_console_random_numbers_and_network_are_qemu_s() {
    compare(true);
}

#[test]
fn random_numbers_and_packets_are_the_same_again() {
    let options = Options { devices: all(false), ..Options::default() };
    let (printed, mut machine) = here("others", "", &options);
    let (end, sent) = (machine.icount(), machine.sent_packets());
    for icount in [end / 2, 0, end - 500] {
        assert_eq!(machine.goto(icount, LIMIT), Stop::Stepped);
        assert!(machine.sent_packets().len() <= sent.len());
        assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Exited { status: Some(0) });
        assert_eq!((super::printed(&machine), machine.sent_packets()), (printed.clone(), sent.clone()));
    }
    machine.goto(0, LIMIT);
    assert!(packets(&machine.sent_packets()).is_empty());
}

#[test]
fn packets_arrive_at_their_distance_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("packets");
    let mut bytes = Vec::new();
    for word in [0xa1b2_c3d4_u32, 4 << 16 | 2, 0, 0, 65535, 1] {
        bytes.extend(word.to_le_bytes());
    }
    for (milliseconds, length) in [(0_u32, 60_u32), (20, 1514), (50, 64)] {
        for word in [100, 1000 * milliseconds, length, length] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(vec![1; length as usize]);
    }
    fs::write(&file, bytes).unwrap();
    let network = Device::Network(Network { receive: Some(file) });
    let devices = Devices { virtio: vec![network], modern: false, ..Devices::default() };
    let (printed, mut machine) = here("receiver", "", &Options { devices, ..Options::default() });
    let expected = [(70, 60, 0), (1524, 1514, 20), (74, 64, 50)];
    for (length, sum, after) in expected {
        let line = format!("received {length} bytes, sum {sum}, after {after} ms\n");
        assert!(printed.contains(&line), "{printed}");
    }
    let end = machine.icount();
    assert_eq!(machine.goto(end / 2, LIMIT), Stop::Stepped);
    assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Exited { status: Some(0) });
    assert_eq!((super::printed(&machine), machine.icount()), (printed, end));
}

#[test]
fn what_is_typed_reaches_the_virtio_console_and_does_so_again() {
    let devices = Devices { virtio: vec![Device::Console], modern: false, ..Devices::default() };
    let (printed, mut machine) = here("virtio-echo", "Hello, world.", &Options { devices, ..Options::default() });
    assert!(printed.contains("type, please\nHello, world.\n"), "{printed}");
    again(&printed, &mut machine);
}

#[test]
fn what_was_typed_interrupts_again_at_the_same_instruction() {
    let (printed, mut machine) = here("echo", "Hello, world.", &Options::default());
    again(&printed, &mut machine);
}

fn again(printed: &str, machine: &mut debug::Embedded) {
    let end = machine.icount();
    for part in 0..20 {
        assert_eq!(machine.goto(end / 20 * part, LIMIT), Stop::Stepped);
        assert_eq!(machine.resume(LIMIT).unwrap(), Stop::Exited { status: Some(0) }, "from part {part}");
        assert_eq!((super::printed(machine), machine.icount()), (printed.to_owned(), end), "from part {part}");
    }
}
