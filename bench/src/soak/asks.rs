//! The kinds of requests: how often each is sent, what it looks like, and which ends it may have.

use fastrand::Rng;
use serde_json::{Value, json};

use super::books::Books;

/// A kind.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// How often, of all.
    weight: u32,
    /// `ok:` and why the answer ended, or `error:` and its code; `again` is the stored answer.
    pub(super) ends: &'static [&'static str],
}

/// What was answered in full.
const FULL: &[&str] = &["ok:stop", "ok:length", "error:busy"];
const BAD: &[&str] = &["error:bad_request"];
const LARGE: &[&str] = &["error:too_large"];

const KINDS: [Kind; 21] = [
    Kind { name: "good", weight: 14, ends: FULL },
    Kind { name: "streamed", weight: 6, ends: FULL },
    Kind { name: "plain text", weight: 4, ends: FULL },
    Kind { name: "sampled", weight: 4, ends: FULL },
    Kind { name: "broken JSON", weight: 5, ends: BAD },
    Kind { name: "unknown field", weight: 4, ends: BAD },
    Kind { name: "out of range", weight: 4, ends: BAD },
    Kind { name: "binary", weight: 4, ends: BAD },
    Kind { name: "300 kB", weight: 2, ends: LARGE },
    Kind { name: "900 kB", weight: 1, ends: LARGE },
    Kind { name: "too long", weight: 1, ends: &["error:too_long", "error:busy"] },
    Kind { name: "repeated", weight: 5, ends: &["again"] },
    Kind { name: "sent twice", weight: 4, ends: FULL },
    Kind { name: "cancelled", weight: 6, ends: &["ok:cancelled", "ok:stop", "ok:length", "error:cancelled", "error:busy"] },
    Kind {
        name: "deadline",
        weight: 5,
        ends: &["ok:deadline", "ok:stop", "ok:length", "error:too_late", "error:expired", "error:busy"],
    },
    Kind { name: "budget", weight: 5, ends: &["ok:budget", "ok:stop", "ok:length", "error:over_budget", "error:busy"] },
    Kind { name: "schema", weight: 4, ends: FULL },
    Kind { name: "bad grammar", weight: 4, ends: &["error:bad_grammar", "error:busy"] },
    Kind { name: "unknown model", weight: 3, ends: &["error:no_model", "error:busy"] },
    Kind { name: "embed", weight: 3, ends: &["error:no_model"] },
    Kind { name: "bad command", weight: 4, ends: &[] },
];
const LAST: Kind = Kind { name: "closing", weight: 0, ends: &["ok:stop", "ok:length"] };

/// One request, ready to be sent.
#[derive(Debug)]
pub(super) struct Request {
    /// Told apart by this, in its Correlation Data.
    pub(super) number: usize,
    pub(super) kind: &'static str,
    pub(super) ends: &'static [&'static str],
    /// Topics below the device's, with payloads.
    pub(super) letters: Vec<(&'static str, Vec<u8>)>,
    /// Whether an end is to come; commands have none.
    pub(super) answered: bool,
    /// A good one, to be repeated later, or what was answered to the one that it repeats.
    pub(super) payload: Option<Vec<u8>>,
    pub(super) text: Option<String>,
}

/// The next request.
pub(super) fn request(rng: &mut Rng, books: &mut Books) -> Request {
    let all: u32 = KINDS.iter().map(|kind| kind.weight).sum();
    let mut ticket = rng.u32(..all);
    let kind = KINDS.iter().find(|kind| {
        let mine = ticket < kind.weight;
        ticket = ticket.saturating_sub(kind.weight);
        mine
    });
    let late = books.cancel_later.take();
    let mut request = make(kind.unwrap_or(&LAST), rng, books);
    request.letters.extend(late.map(|id| ("set/cancel", id.into_bytes())));
    request
}

/// One to be in hand when the end comes.
pub(super) fn last(books: &mut Books) -> Request {
    make(&LAST, &mut Rng::with_seed(0), books)
}

fn make(kind: &Kind, rng: &mut Rng, books: &mut Books) -> Request {
    let number = books.number();
    let id = format!("s{number}");
    let name = kind.name;
    let town = rng.choice(["Italy", "France", "Norway", "Japan", "Peru", "Kenya"]).unwrap_or("Italy");
    let mut request =
        Request { number, kind: name, ends: kind.ends, letters: Vec::new(), answered: true, payload: None, text: None };
    let payload = match name {
        "plain text" => format!("Name a colour of {town}.").into_bytes(),
        "broken JSON" => format!("{{\"id\":\"{id}\",\"prompt\":\"Hello").into_bytes(),
        "binary" => std::iter::once(0xff).chain((0..rng.usize(1..5_000)).map(|_| rng.u8(..))).collect(),
        "300 kB" => words(300_000, &id),
        "900 kB" => words(900_000, &id),
        "too long" => words(60_000, &id),
        "embed" => json!({ "id": id, "input": ["a town", "a river"] }).to_string().into_bytes(),
        "bad command" => {
            rng.choice([&b"{\"mode\":\"fixed\"}"[..], b"\xff\xfe", b"two words", b"Q9_Z", b"{"]).unwrap_or(b"").to_vec()
        }
        "repeated" => {
            // Early on there is nothing to repeat.
            let Some((payload, text)) = books.answered(rng) else { return request_of("good", rng, books) };
            request.text = Some(text);
            payload
        }
        _ => fields(name, number, town, rng).to_string().into_bytes(),
    };
    request.answered = name != "bad command";
    request.payload = (name == "good").then(|| payload.clone());
    request.letters = match name {
        "bad command" => vec![("set/level", payload)],
        "embed" => vec![("embed", payload)],
        "sent twice" => vec![("ask", payload.clone()), ("ask", payload)],
        // While it waits, or later, while it is answered.
        "cancelled" if rng.bool() => vec![("ask", payload), ("set/cancel", id.into_bytes())],
        "cancelled" => {
            books.cancel_later = Some(id);
            vec![("ask", payload)]
        }
        _ => vec![("ask", payload)],
    };
    request
}

/// The fields of an ask of this kind.
fn fields(kind: &str, number: usize, town: &str, rng: &mut Rng) -> Value {
    let special = match kind {
        "streamed" => json!({ "stream": true }),
        "sampled" => json!({ "temperature": 0.9, "seed": rng.u32(..), "repeat_penalty": 1.2, "stop": [".", "\n"] }),
        "unknown field" => json!({ "colour": "blue" }),
        "out of range" => json!({ "temperature": 9 }),
        "cancelled" | "closing" => json!({ "max_tokens": 48 }),
        "deadline" => json!({ "max_tokens": 64, "deadline_ms": rng.u32(20..900) }),
        "budget" => json!({ "max_tokens": 64, "max_joules": f64::from(rng.u32(1..30)) / 10.0 }),
        "schema" => {
            json!({ "json_schema": { "type": "object", "properties": { "town": { "type": "string", "maxLength": 12 } }, "required": ["town"] } })
        }
        "bad grammar" => json!({ "grammar": rng.choice(["root ::= (", "root ::= root \"a\"", "root ::= missing", "root"]) }),
        "unknown model" => json!({ "model": "nobody" }),
        _ => json!({}),
    };
    let long = ["cancelled", "closing", "deadline", "budget"].contains(&kind);
    let question = if long { "Tell me a long story about" } else { "What is the capital of" };
    let mut ask = json!({
        "id": format!("s{number}"), "prompt": format!("{question} {town}? Say {number}."), "max_tokens": rng.u32(4..24), "temperature": 0
    });
    if let (Some(ask), Value::Object(special)) = (ask.as_object_mut(), special) {
        ask.extend(special);
    }
    ask
}

fn request_of(name: &str, rng: &mut Rng, books: &mut Books) -> Request {
    make(KINDS.iter().find(|kind| kind.name == name).unwrap_or(&LAST), rng, books)
}

/// A sound ask of about so many bytes.
fn words(bytes: usize, id: &str) -> Vec<u8> {
    json!({ "id": id, "prompt": "all work and no play ".repeat(bytes / 21) }).to_string().into_bytes()
}
