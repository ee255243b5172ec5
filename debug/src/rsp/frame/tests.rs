//! Byte by byte what a frame is on the wire, and what hostile bytes come to.

use super::*;
use proptest::prelude::*;

fn decode(wire: &[u8]) -> (Vec<Result<FrameEvent, Violation>>, Vec<u8>) {
    let mut decoder = Decoder::default();
    decoder.push(wire);
    let events = std::iter::from_fn(|| decoder.next()).collect();
    (events, decoder.data().to_vec())
}

#[test]
fn a_packet_carries_its_checksum() {
    let mut wire = Vec::new();
    encode(b"vCont;c", &mut wire);
    assert_eq!(wire, b"$vCont;c#a8");
}

#[test]
fn what_would_end_a_packet_is_escaped() {
    let mut wire = Vec::new();
    encode(b"a#$}*", &mut wire);
    assert_eq!(wire, b"$a}\x03}\x04}]}\x0a#c3");
}

#[test]
fn a_run_repeats_the_byte_before_it() {
    assert_eq!(decode(b"$0* #7a"), (vec![Ok(FrameEvent::Packet)], b"0000".to_vec()));
}

#[test]
fn escapes_are_undone() {
    assert_eq!(decode(b"$}\x03#80"), (vec![Ok(FrameEvent::Packet)], b"#".to_vec()));
}

#[test]
fn acks_and_packets_come_in_order() {
    let (events, data) = decode(b"+$OK#9a-");
    assert_eq!(events, [Ok(FrameEvent::Ack), Ok(FrameEvent::Packet), Ok(FrameEvent::Nack)]);
    assert_eq!(data, b"OK");
}

#[test]
fn a_wrong_checksum_is_damage_and_the_next_packet_still_comes() {
    let (events, data) = decode(b"$OK#9b$E01#a6");
    assert_eq!(events, [Err(Violation::Damaged("its checksum is wrong")), Ok(FrameEvent::Packet)]);
    assert_eq!(data, b"E01");
}

#[test]
fn a_run_of_nothing_is_damage() {
    assert_eq!(decode(b"$*~#a8").0, [Err(Violation::Damaged("a run repeats nothing"))]);
}

#[test]
fn endless_noise_is_not_this_protocol() {
    assert_eq!(decode(&[b'x'; NOISE_LIMIT + 1]).0, [Err(Violation::Noise)]);
}

#[test]
fn an_endless_packet_is_cut_off() {
    let mut decoder = Decoder::default();
    decoder.push(b"$");
    let mut pushed = 0;
    let violation = loop {
        decoder.push(&[b'0'; 4096]);
        pushed += 4096;
        if let Some(event) = decoder.next() {
            break event;
        }
    };
    assert_eq!(violation, Err(Violation::TooLong));
    assert!(pushed <= LIMIT + 4096);
}

#[test]
fn a_run_length_bomb_is_cut_off() {
    let bomb: Vec<u8> = [b'0'].into_iter().chain(b"*~".repeat(LIMIT / 97 + 1)).collect();
    let mut wire = b"$".to_vec();
    wire.extend(&bomb);
    wire.extend(format!("#{:02x}", checksum(&bomb)).bytes());
    assert_eq!(decode(&wire).0, [Err(Violation::TooLong)]);
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(payload: Vec<u8>) {
        let mut wire = Vec::new();
        encode(&payload, &mut wire);
        let (events, data) = decode(&wire);
        prop_assert_eq!(events, [Ok(FrameEvent::Packet)]);
        prop_assert_eq!(data, payload);
    }

    #[test]
    fn portions_make_no_difference(payloads: Vec<Vec<u8>>, portion in 1..50_usize) {
        let mut wire = Vec::new();
        payloads.iter().for_each(|payload| encode(payload, &mut wire));
        let mut decoder = Decoder::default();
        let mut decoded = Vec::new();
        for bytes in wire.chunks(portion) {
            decoder.push(bytes);
            while let Some(event) = decoder.next() {
                prop_assert_eq!(event, Ok(FrameEvent::Packet));
                decoded.push(decoder.data().to_vec());
            }
        }
        prop_assert_eq!(decoded, payloads);
    }

    #[test]
    fn hostile_bytes_are_survived(bytes: Vec<u8>, portion in 1..50_usize) {
        let mut decoder = Decoder::default();
        for bytes in bytes.chunks(portion) {
            decoder.push(bytes);
            while decoder.next().is_some() {}
        }
        prop_assert!(decoder.data().len() <= LIMIT);
    }
}
