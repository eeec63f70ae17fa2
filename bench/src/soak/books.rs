//! What was sent and what came back, and whether that is what should have.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use fastrand::Rng;
use hob_mqtt::Message;
use serde_json::Value;

use super::{asks::Request, check, word};
use crate::{house::BRANCH, report::line};

/// Good answers that may be asked for again.
const KEPT: usize = 50;

/// One request's account.
#[derive(Debug)]
struct Page {
    request: Request,
    accepted: u32,
    ends: Vec<String>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Books {
    pages: BTreeMap<usize, Page>,
    without_end: BTreeSet<usize>,
    numbers: usize,
    /// Payloads of good requests with what was answered.
    good: VecDeque<(Vec<u8>, String)>,
    /// Commands that were said to be bad.
    pub(super) refused: usize,
    /// An id to be taken back with the next request.
    pub(super) cancel_later: Option<String>,
    pieces: usize,
    wrong: Vec<String>,
}

impl Books {
    /// A new number.
    pub(super) fn number(&mut self) -> usize {
        self.numbers += 1;
        self.numbers
    }

    /// A request was sent.
    pub(super) fn note(&mut self, request: Request) {
        if request.answered {
            self.without_end.insert(request.number);
        }
        self.pages.insert(request.number, Page { request, accepted: 0, ends: Vec::new() });
    }

    /// How many have no end yet.
    pub(super) fn open(&self) -> usize {
        self.without_end.len()
    }

    /// An answered request, to be sent again, and its answer.
    pub(super) fn answered(&self, rng: &mut Rng) -> Option<(Vec<u8>, String)> {
        rng.choice(&self.good).cloned()
    }

    /// How many of a kind were accepted.
    pub(super) fn accepted_of(&self, kind: &str) -> u32 {
        self.pages.values().filter(|page| page.request.kind == kind).map(|page| page.accepted).sum()
    }

    /// A message came.
    pub(super) fn hear(&mut self, message: &Message) {
        let Ok(said) = serde_json::from_slice::<Value>(&message.payload) else { return };
        match message.topic.as_str() {
            "reply/soak/stream" => self.pieces += 1,
            "reply/soak" => self.reply(message, &said),
            topic if topic.starts_with(&format!("{BRANCH}/answer/")) => self.wrong.push(format!("went to no asker: {said}")),
            _ if word(&said, "/event_type") == Some("refused") => self.refused += 1,
            _ => {}
        }
    }

    fn reply(&mut self, message: &Message, said: &Value) {
        let correlation = message.properties.correlation_data.as_deref().unwrap_or_default();
        let number = std::str::from_utf8(correlation).ok().and_then(|text| text.parse().ok());
        let Some((number, page)) = number.and_then(|number: usize| Some((number, self.pages.get_mut(&number)?))) else {
            return self.wrong.push(format!("answers nothing that was asked: {said}"));
        };
        if word(said, "/status") == Some("accepted") {
            page.accepted += 1;
            return;
        }
        self.without_end.remove(&number);
        let duplicate = said.get("duplicate") == Some(&Value::Bool(true));
        let text = word(said, "/text");
        let end = match (duplicate, word(said, "/finish"), word(said, "/error/code")) {
            (true, ..) => "again".to_owned(),
            (false, Some(finish), _) => format!("ok:{finish}"),
            (false, None, code) => format!("error:{}", code.unwrap_or("?")),
        };
        if end == "again" && page.request.text.as_deref().is_some_and(|before| Some(before) != text) {
            self.wrong.push(format!("the stored answer is another: {said}"));
        }
        if page.request.kind == "schema"
            && end == "ok:stop"
            && text.is_none_or(|text| serde_json::from_str::<Value>(text).is_err())
        {
            self.wrong.push(format!("does not match its schema: {said}"));
        }
        if let (true, Some(payload), Some(text)) = (end.starts_with("ok:"), page.request.payload.take(), text) {
            self.good.push_back((payload, text.to_owned()));
            if self.good.len() > KEPT {
                self.good.pop_front();
            }
        }
        page.ends.push(end);
    }

    /// Prints how many of each kind there were and how they ended.
    pub(super) fn table(&self) {
        let mut kinds: BTreeMap<&str, (usize, BTreeMap<&str, usize>)> = BTreeMap::new();
        for page in self.pages.values() {
            let (sent, ends) = kinds.entry(page.request.kind).or_default();
            *sent += 1;
            for end in &page.ends {
                *ends.entry(end).or_default() += 1;
            }
        }
        line("| kind | sent | ends |\n|---|---|---|");
        for (kind, (sent, ends)) in kinds {
            let ends: Vec<String> = ends.iter().map(|(end, count)| format!("{count} {end}")).collect();
            line(&format!("| {kind} | {sent} | {} |", ends.join(", ")));
        }
        line("");
    }

    /// Whether each came to the one end that it may have.
    pub(super) fn judge(&self) -> bool {
        let astray: Vec<&Page> = self.pages.values().filter(|page| !page.good()).collect();
        for page in astray.iter().take(20) {
            let Request { number, kind, .. } = page.request;
            line(&format!("request {number} ({kind}), accepted {} times, ended: {:?}", page.accepted, page.ends));
        }
        for wrong in self.wrong.iter().take(20) {
            line(wrong);
        }
        let asked = self.pages.values().filter(|page| page.request.answered).count();
        let ends = check(astray.is_empty(), &format!("{asked} requests, {} without exactly one end that is right", astray.len()));
        let commands = self.pages.len() - asked;
        let told = check(
            self.refused <= commands && 2 * self.refused >= commands,
            &format!("{commands} bad commands, {} told", self.refused),
        );
        let rest = check(self.wrong.is_empty(), &format!("{} other faults, {} streamed pieces", self.wrong.len(), self.pieces));
        ends && told && rest
    }
}

impl Page {
    fn good(&self) -> bool {
        let Request { kind, ends, answered, .. } = self.request;
        let right = self.ends.iter().all(|end| ends.contains(&end.as_str()));
        match kind {
            _ if !answered => self.ends.is_empty(),
            // The second is told to wait with the first, or gets its stored answer; after `busy` it is a new one.
            "sent twice" => {
                let first: Vec<&String> = self.ends.iter().filter(|end| *end != "again").collect();
                let busy = first.iter().filter(|end| **end == "error:busy").count();
                let known = first.iter().all(|end| ends.contains(&end.as_str()));
                known && first.len() - busy <= 1 && (1..=2).contains(&self.ends.len()) && (busy > 0 || first.len() == 1)
            }
            _ => right && self.ends.len() == 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn books(kind: &'static str, ends: &'static [&'static str], answers: &[&str]) -> Books {
        let mut books = Books::default();
        let number = books.number();
        books.note(Request { number, kind, ends, letters: Vec::new(), answered: true, payload: None, text: None });
        for answer in answers {
            let properties = hob_mqtt::Properties { correlation_data: Some(b"1".to_vec()), ..Default::default() };
            books.hear(&Message { properties, ..Message::new("reply/soak", *answer) });
        }
        books
    }

    #[test]
    fn a_request_has_one_end_and_the_right_one() {
        let (accepted, ok) = (r#"{"status":"accepted"}"#, r#"{"status":"ok","finish":"stop","text":"a"}"#);
        let (bad, busy) = (r#"{"error":{"code":"bad_request"}}"#, r#"{"error":{"code":"busy"}}"#);
        let again = r#"{"status":"ok","finish":"stop","text":"a","duplicate":true}"#;
        let ends = &["ok:stop", "error:busy"];
        #[rustfmt::skip]
        let table: [(&str, &[&str], bool, &str); 10] = [
            ("good",       &[accepted, ok],        true,  "answered"),
            ("good",       &[accepted],            false, "no end"),
            ("good",       &[accepted, ok, ok],    false, "two ends"),
            ("good",       &[bad],                 false, "another end"),
            ("good",       &[ok, again],           false, "one too many, though marked"),
            ("sent twice", &[accepted, ok],        true,  "the second waited with the first"),
            ("sent twice", &[ok, again],           true,  "the second got the stored answer"),
            ("sent twice", &[busy, ok],            true,  "the second was new"),
            ("sent twice", &[ok, ok],              false, "answered twice"),
            ("sent twice", &[again],               false, "never answered first"),
        ];
        for (kind, answers, good, why) in table {
            assert_eq!(books(kind, ends, answers).judge(), good, "{why}");
        }
    }

    #[test]
    fn a_stored_answer_that_changed_is_a_fault() {
        let mut books = books("repeated", &["again"], &[]);
        books.pages.values_mut().for_each(|page| page.request.text = Some("a".into()));
        let properties = hob_mqtt::Properties { correlation_data: Some(b"1".to_vec()), ..Default::default() };
        let other = r#"{"status":"ok","finish":"stop","text":"b","duplicate":true}"#;
        books.hear(&Message { properties, ..Message::new("reply/soak", other) });
        assert!(!books.judge());
    }
}
