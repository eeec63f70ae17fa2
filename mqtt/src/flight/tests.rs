//! The flight against random orders of sending, confirming and losing the connection.

use super::*;
use crate::codec::{Decoder, Packet};
use crate::message::Message;
use proptest::prelude::*;
use std::time::Duration;

const TERMS: Terms = Terms { version: Version::V5, session_present: true, max_packet: 1 << 20, window: 8, retains: true };

type Answer = oneshot::Receiver<Result<(), DeliveryError>>;

fn order(text: &str) -> (Order, Answer) {
    let (reply, answer) = oneshot::channel();
    (Order { parcel: Parcel::new(Message::new("t", text)), since: Instant::now(), reply }, answer)
}

/// What `send` put on the wire: id, text, and whether it was marked as sent before.
fn sent(flight: &mut Flight, terms: &Terms) -> Vec<(u16, String, bool)> {
    let mut decoder = Decoder::new(terms.version, 1 << 20);
    flight.send(terms, &mut decoder.buffer).unwrap();
    let mut all = Vec::new();
    loop {
        let again = decoder.buffer.first().is_some_and(|byte| byte & 8 != 0);
        let Some(packet) = decoder.next().unwrap() else { return all };
        let Packet::Message { id, message } = packet else { panic!("{packet:?}") };
        all.push((id, String::from_utf8(message.payload).unwrap(), again));
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// `rewind`: all 65 534 ids have been used in between.
    Publish {
        rewind: bool,
    },
    Confirm(usize),
    Lose {
        session_present: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop::bool::weighted(0.2).prop_map(|rewind| Step::Publish { rewind }),
        3 => (0..8_usize).prop_map(Step::Confirm),
        1 => any::<bool>().prop_map(|session_present| Step::Lose { session_present }),
    ]
}

proptest! {
    #[test]
    fn every_parcel_ends_exactly_once_and_no_id_is_used_twice_at_a_time(
        steps in prop::collection::vec(step(), 1..120), window in 1_usize..12, start: u16,
    ) {
        let mut terms = Terms { window, ..TERMS };
        let mut flight = Flight { last_id: start, ..Flight::default() };
        let (mut on_the_wire, mut answers, mut confirmed): (Vec<(u16, String)>, Vec<Answer>, usize) = Default::default();
        for step in steps.into_iter().chain(std::iter::repeat_n(Step::Confirm(0), 8)) {
            match step {
                Step::Publish { rewind } if flight.room(&terms) => {
                    if rewind {
                        flight.last_id = start;
                    }
                    let (order, answer) = order(&answers.len().to_string());
                    flight.take(order);
                    answers.push(answer);
                }
                Step::Confirm(which) if !on_the_wire.is_empty() => {
                    let (id, _) = on_the_wire.remove(which % on_the_wire.len());
                    flight.confirmed(id, 0);
                    confirmed += 1;
                }
                Step::Lose { session_present } => {
                    flight.landed(false);
                    terms.session_present = session_present;
                    let expected = std::mem::take(&mut on_the_wire);
                    let again = sent(&mut flight, &terms);
                    prop_assert_eq!(expected.len(), again.len(), "all of them travel again");
                    for (id, text, dup) in again {
                        prop_assert_eq!(dup, session_present);
                        on_the_wire.push((id, text));
                    }
                }
                _ => {}
            }
            for (id, text, again) in sent(&mut flight, &terms) {
                prop_assert!(!again && id != 0 && id != SUBSCRIBE_ID);
                prop_assert!(on_the_wire.iter().all(|(other, _)| *other != id), "id {id} is taken");
                on_the_wire.push((id, text));
            }
            prop_assert!(on_the_wire.len() <= window.min(WINDOW));
        }
        let ended = answers.iter_mut().filter_map(|answer| answer.try_recv().ok()).collect::<Vec<_>>();
        prop_assert_eq!(ended.len(), confirmed);
        prop_assert_eq!(flight.len(), answers.len() - confirmed);
    }
}

#[test]
fn a_refusal_by_the_broker_reaches_the_sender_and_an_unknown_id_reaches_nobody() {
    let mut flight = Flight::default();
    let (order, mut answer) = order("x");
    flight.take(order);
    let id = sent(&mut flight, &TERMS)[0].0;
    flight.confirmed(id + 1, 0);
    assert!(answer.try_recv().is_err());
    flight.confirmed(id, 0x87);
    assert_eq!(answer.try_recv(), Ok(Err(DeliveryError::Refused(0x87))));
}

#[test]
fn no_matching_subscribers_is_a_success() {
    let mut flight = Flight::default();
    let (order, mut answer) = order("x");
    flight.take(order);
    let id = sent(&mut flight, &TERMS)[0].0;
    flight.confirmed(id, 0x10);
    assert_eq!(answer.try_recv(), Ok(Ok(())));
}

#[test]
fn a_parcel_that_the_broker_hangs_up_on_flies_alone_and_is_given_up_and_the_others_arrive() {
    let mut flight = Flight::default();
    let mut answers = Vec::new();
    for text in ["good", "poison", "fine"] {
        let (order, answer) = order(text);
        flight.take(order);
        answers.push(answer);
    }
    let mut connections = 0;
    while flight.len() > 0 {
        connections += 1;
        assert!(connections < 10, "the link is wedged");
        loop {
            let wire = sent(&mut flight, &TERMS);
            if wire.iter().any(|(_, text, _)| text == "poison") {
                flight.landed(true); // before it has confirmed anything
                break;
            }
            let Some((id, _, _)) = wire.first() else { break };
            flight.confirmed(*id, 0);
        }
    }
    let ends: Vec<_> = answers.iter_mut().map(|answer| answer.try_recv().unwrap()).collect();
    assert_eq!(ends, [Ok(()), Err(DeliveryError::HungUpOn), Ok(())]);
}

#[tokio::test(start_paused = true)]
async fn time_spent_waiting_is_taken_off_the_expiry_and_what_is_stale_is_not_sent() {
    let expiring = |seconds| {
        let (reply, answer) = oneshot::channel();
        let mut message = Message::new("t", "x");
        message.properties.message_expiry = Some(seconds);
        (Order { parcel: Parcel::new(message), since: Instant::now(), reply }, answer)
    };
    let mut flight = Flight::default();
    let (lasting, _answer) = expiring(60);
    let (stale, mut stale_answer) = expiring(10);
    flight.take(lasting);
    flight.take(stale);
    tokio::time::advance(Duration::from_secs(10)).await;
    let mut decoder = Decoder::new(Version::V5, 1 << 20);
    flight.send(&TERMS, &mut decoder.buffer).unwrap();
    let Ok(Some(Packet::Message { message, .. })) = decoder.next() else { panic!("nothing sent") };
    assert_eq!(message.properties.message_expiry, Some(50));
    assert_eq!(decoder.next(), Ok(None));
    assert_eq!(stale_answer.try_recv(), Ok(Err(DeliveryError::Expired)));
}

#[test]
fn what_a_later_broker_finds_too_large_ends_with_both_numbers() {
    let mut flight = Flight::default();
    let (order, mut answer) = order(&"x".repeat(500));
    flight.take(order);
    assert!(sent(&mut flight, &Terms { max_packet: 100, ..TERMS }).is_empty());
    let Ok(Err(DeliveryError::TooLarge { bytes, limit: 100 })) = answer.try_recv() else { panic!("not told") };
    assert!(bytes > 500);
    assert!(flight.room(&TERMS));
}
