//! A client that sends good, bad, huge, binary, repeated and cancelled requests for minutes, and what came of it.
//!
//! Promises: what is sent depends on the seed alone; every request must end in exactly one of the ends that its kind
//! may have; the daemon's memory must stay flat and every warning in its log be one that a bad command explains; at the
//! end SIGTERM must let it finish what it accepted, leave with status 0, and leave `offline` retained.
//! Deliberately absent: a broker that fails (the tests of `hob-mqtt` have that).

mod asks;
mod books;

use std::time::{Duration, Instant};

use anyhow::Context;
use fastrand::Rng;
use hob_mqtt::{Message, Properties};
use serde_json::Value;
use tokio::time::{Instant as Tick, sleep_until, timeout};

use crate::{
    house::{BRANCH, House, PATIENCE},
    report::{line, machine},
};
use asks::{Request, request};
use books::Books;

/// Requests that may be without an end at a time.
const AT_ONCE: usize = 18;
/// Between two requests, in milliseconds.
const PAUSE: std::ops::Range<u64> = 50..450;
/// Few places and one thread, so that the desk gets full; the answers are short by default, as plain texts cannot say.
const SETTINGS: [(&str, &str); 4] = [
    ("HOB_ENGINE__THREADS", "1"),
    ("HOB_DESK__PLACES", "8"),
    ("HOB_ENGINE__MAX_TOKENS", "16"),
    ("HOB_POWER__SOURCE", "simulated"),
];

/// Runs for so many minutes; whether all was well.
pub(crate) async fn run(minutes: u64, seed: u64) -> anyhow::Result<bool> {
    line(&format!("{}\nsoak of {minutes} minutes, seed {seed}\n", machine()));
    let mut house = House::up(&SETTINGS).await?;
    let mut books = Books::default();
    let mut rng = Rng::with_seed(seed);
    let mut resident = Vec::new();
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let (mut next, mut look) = (Tick::now(), Tick::now());
    while Instant::now() < end {
        let free = books.open() < AT_ONCE;
        tokio::select! {
            message = house.hear() => books.hear(&message?),
            () = sleep_until(look) => {
                resident.push(house.memory("VmRSS")?);
                look += Duration::from_secs(1);
            }
            () = sleep_until(next), if free => {
                send(&house, request(&mut rng, &mut books), &mut books).await?;
                next = Tick::now() + Duration::from_millis(rng.u64(PAUSE));
            }
        }
    }
    let begun = Instant::now();
    while books.open() > 0 && begun.elapsed() < PATIENCE {
        books.hear(&house.hear().await.context("some requests never came to an end")?);
    }
    // Whatever comes now is one too many.
    while let Ok(message) = timeout(Duration::from_secs(2), house.hear()).await {
        books.hear(&message?);
    }
    closing(&mut house, &mut books).await?;
    let log = house.log();
    let (status, retained) = house.ended().await?;
    books.table();
    let mut good = books.judge();
    good &= flat(&resident);
    good &= quiet(&log, books.refused);
    good &= check(status.success(), &format!("SIGTERM: it ended with {status}"));
    good &= check(retained == "offline", &format!("its retained status is {retained:?}"));
    Ok(good)
}

async fn send(house: &House, request: Request, books: &mut Books) -> anyhow::Result<()> {
    for (topic, payload) in &request.letters {
        let reply = request.answered.then(|| "reply/soak".to_owned());
        let correlation_data = request.answered.then(|| request.number.to_string().into_bytes());
        let properties = Properties { response_topic: reply, correlation_data, ..Properties::default() };
        house.send(topic, payload.clone(), properties).await?;
    }
    books.note(request);
    Ok(())
}

/// Prompts in hand when SIGTERM comes are answered.
async fn closing(house: &mut House, books: &mut Books) -> anyhow::Result<()> {
    for _ in 0..3 {
        let request = asks::last(books);
        send(house, request, books).await?;
    }
    while books.accepted_of("closing") < 3 {
        books.hear(&house.hear().await?);
    }
    house.terminate()?;
    let offline = |message: &Message| message.topic == format!("{BRANCH}/status") && message.payload == b"offline";
    loop {
        let message = house.hear().await?;
        if offline(&message) {
            return Ok(());
        }
        books.hear(&message);
    }
}

/// Memory, warmed up: the last quarter's peak against the first quarter's.
fn flat(resident: &[u64]) -> bool {
    const ALLOWED: u64 = 8_000_000;
    let warm = resident.get(resident.len() / 6..).unwrap_or_default();
    let quarter = warm.len() / 4;
    let peak = |part: Option<&[u64]>| part.and_then(|part| part.iter().max()).copied().unwrap_or(0);
    let (first, last) = (peak(warm.get(..quarter)), peak(warm.get(warm.len() - quarter..)));
    let mb = |bytes: u64| bytes / 1_000_000;
    let words = format!("resident set: peak {} MB in the first quarter, {} MB in the last", mb(first), mb(last));
    check(first > 0 && last <= first + first / 20 + ALLOWED, &words)
}

/// No error in the log, and a warning for each command that could not be followed, and no other.
fn quiet(log: &str, refused: usize) -> bool {
    let of = |level: &str| log.lines().filter(|line| line.contains(level)).collect::<Vec<_>>();
    let errors = [of(" ERROR "), of("panicked")].concat();
    // The model was put on the shelf by hand, as scripts/get-model does.
    let by_hand = |line: &&str| !line.contains("has no known checksum");
    let (explained, other): (Vec<&str>, Vec<&str>) =
        of(" WARN ").into_iter().filter(by_hand).partition(|line| line.contains("a command could not be followed"));
    for line in errors.iter().chain(&other).take(20) {
        crate::report::line(line);
    }
    let words = format!(
        "log: {} errors, {} warnings that bad commands explain ({} were told), {} others",
        errors.len(),
        explained.len(),
        refused,
        other.len()
    );
    check(errors.is_empty() && other.is_empty() && explained.len() == refused, &words)
}

fn check(good: bool, words: &str) -> bool {
    line(&format!("{} {words}", if good { "ok  " } else { "FAIL" }));
    good
}

/// A text of an answer.
fn word<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    value.pointer(path).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_grows_is_not_flat() {
        let row = |step: u64| (0..600).map(|second| 300_000_000 + second * step).collect::<Vec<_>>();
        assert!(flat(&row(0)) && flat(&row(10_000)));
        assert!(!flat(&row(100_000)), "45 MB over the last three quarters");
        assert!(!flat(&[]), "nothing was measured");
    }

    #[test]
    fn a_warning_that_nothing_explains_is_a_fault() {
        let known = "T  WARN hob::tasks::outbox: a command could not be followed command=\"set/level\"\n";
        assert!(quiet(known, 1) && quiet("T  INFO hob: answered\n", 0));
        assert!(!quiet(known, 0), "more warnings than commands");
        assert!(!quiet("T  WARN hob: odd\n", 0) && !quiet("T ERROR hob: bad\n", 0));
    }
}
