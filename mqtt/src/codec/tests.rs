//! What the codec promises, against its own mirror, known bytes and random ones.

use super::outgoing::Sent;
use super::*;
use proptest::prelude::*;

fn decoder(version: Version, max_packet: u32, bytes: &[u8]) -> Decoder {
    let mut decoder = Decoder::new(version, max_packet);
    decoder.buffer.extend_from_slice(bytes);
    decoder
}

fn text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9/äß€ ]{1,40}"
}

prop_compose! {
    fn any_message()(
        topic in text(), payload in prop::collection::vec(any::<u8>(), 0..2_000), confirm: bool, retain: bool,
        response_topic in prop::option::of(text()), content_type in prop::option::of(text()),
        correlation_data in prop::option::of(prop::collection::vec(any::<u8>(), 0..300)),
        message_expiry in prop::option::of(any::<u32>()), payload_is_utf8: bool,
        user in prop::collection::vec((text(), text()), 0..4),
    ) -> Message {
        let qos = if confirm { Qos::AtLeastOnce } else { Qos::AtMostOnce };
        let properties = Properties { response_topic, correlation_data, message_expiry, content_type, payload_is_utf8, user };
        Message { topic, payload, qos, retain, properties }
    }
}

proptest! {
    #[test]
    fn a_message_comes_out_as_it_went_in_and_3_1_1_drops_the_properties(
        message in any_message(), number in 1..u16::MAX, chunk in 1_usize..700,
    ) {
        for version in [Version::V5, Version::V311] {
            let parcel = Parcel::new(message.clone());
            let id = if parcel.wants_confirmation() { number } else { 0 };
            let mut wire = BytesMut::new();
            parcel.encode(version, Sent { id, again: false, retain: true }, parcel.expiry(), &mut wire).unwrap();
            prop_assert!(wire.len() <= parcel.size() && (version == Version::V311 || wire.len() == parcel.size()));
            let mut expected = message.clone();
            if version == Version::V311 {
                expected.properties = Properties::default();
            }
            let mut decoder = Decoder::new(version, 1 << 20);
            let mut packets = Vec::new();
            for piece in wire.chunks(chunk) {
                decoder.buffer.extend_from_slice(piece);
                packets.extend(decoder.next().unwrap());
            }
            prop_assert_eq!(packets, [Packet::Message { id, message: expected }]);
        }
    }

    #[test]
    fn no_bytes_make_the_decoder_panic_or_spin(bytes in prop::collection::vec(any::<u8>(), 0..600), old: bool) {
        let mut decoder = decoder(if old { Version::V311 } else { Version::V5 }, 256, &bytes);
        for _ in 0..=bytes.len() {
            if !matches!(decoder.next(), Ok(Some(_))) {
                break;
            }
        }
    }

    #[test]
    fn a_message_too_large_is_skipped_and_the_next_packet_is_read(
        extra in 1_usize..5_000, chunk in 1_usize..900, confirm: bool,
    ) {
        let mut big = Message::new("some/topic", vec![7; 1_024 + extra]);
        big.qos = if confirm { Qos::AtLeastOnce } else { Qos::AtMostOnce };
        let mut wire = BytesMut::new();
        let id = u16::from(confirm) * 77;
        Parcel::new(big).encode(Version::V311, Sent { id, again: false, retain: true }, None, &mut wire).unwrap();
        let bytes = wire.len();
        wire.extend_from_slice(&[0xd0, 0]);
        let mut decoder = Decoder::new(Version::V311, 1_024);
        let mut packets = Vec::new();
        for piece in wire.chunks(chunk) {
            decoder.buffer.extend_from_slice(piece);
            while let Some(packet) = decoder.next().unwrap() {
                packets.push(packet);
            }
            prop_assert!(decoder.buffer.len() <= 1_024, "it does not hoard what it will skip");
        }
        prop_assert_eq!(packets, [Packet::TooLarge { id, topic: "some/topic".into(), bytes }, Packet::Pong]);
    }
}

#[test]
#[rustfmt::skip]
fn answers_to_connect_are_told_apart() {
    use Version::{V5, V311};
    let welcome = |session_present| Packet::Welcome(Welcome { session_present, ..Welcome::default() });
    let refused = |said: &str| Packet::Refused(Why::Refused(said.into()));
    let limits = Welcome { receive_maximum: 5, max_packet: 2_000, retains: false, confirms: false, keep_alive: Some(9), session_expiry: Some(60), ..Welcome::default() };
    let table: [(Version, &[u8], Packet, &str); 9] = [
        (V5,   &[0x20, 3, 1, 0, 0],       welcome(true),                    "a v5 broker that knows us"),
        (V5,   &[0x20, 3, 0, 0x84, 0],    Packet::OtherVersion,             "a v5 refusal of the version"),
        (V5,   &[0x20, 2, 0, 1],          Packet::OtherVersion,             "a 3.1.1 refusal of the version"),
        (V5,   &[0x20, 3, 0, 0x86, 0],    refused("reason code 0x86"),      "bad password"),
        (V5,   &[0x20, 3, 0, 0x97, 0],    Packet::Refused(Why::Busy("reason code 0x97".into())), "over quota"),
        (V5,   &[0x20, 23, 0, 0, 20, 0x11, 0, 0, 0, 60, 0x21, 0, 5, 0x27, 0, 0, 7, 0xd0, 0x25, 0, 0x24, 0, 0x13, 0, 9],
                                          Packet::Welcome(limits),          "every limit there is"),
        (V311, &[0x20, 2, 0, 0],          welcome(false),                   "a 3.1.1 broker"),
        (V311, &[0x20, 2, 0, 5],          refused("return code 5"),         "not authorised"),
        (V311, &[0x20, 2, 0, 1],          Packet::OtherVersion,             "neither"),
    ];
    for (version, bytes, expected, why) in table {
        assert_eq!(decoder(version, 1_000, bytes).next(), Ok(Some(expected)), "{why}");
    }
}

#[test]
fn short_forms_that_the_standard_allows_are_understood() {
    let table: [(&[u8], Packet); 5] = [
        (&[0xe0, 0], Packet::Bye(0)),
        (&[0xe0, 1, 0x8e], Packet::Bye(0x8e)),
        (&[0x40, 2, 0, 9], Packet::Confirmed { id: 9, code: 0 }),
        (&[0x40, 3, 0, 9, 0xee], Packet::Confirmed { id: 9, code: 0xee }),
        (&[0x90, 5, 0, 1, 0, 1, 0x87], Packet::Subscribed(vec![true, false])),
    ];
    for (bytes, expected) in table {
        assert_eq!(decoder(Version::V5, 1_000, bytes).next(), Ok(Some(expected)), "{bytes:02x?}");
    }
}

#[test]
fn a_broken_packet_is_an_error_and_not_an_endless_wait() {
    for bytes in [&[0x20, 0xff, 0xff, 0xff, 0xff, 1][..], &[0x30, 1, 0], &[0x15, 3, 3, 0, 2], &[0x34, 3, 0, 1, b'a']] {
        let answer = decoder(Version::V5, 100, bytes).next();
        assert!(matches!(answer, Err(Why::Protocol(_)) | Ok(None)), "{bytes:02x?}: {answer:?}");
        assert!(!matches!(answer, Ok(None)) || bytes[0] == 0x15, "{bytes:02x?} has all come: {answer:?}");
    }
}
