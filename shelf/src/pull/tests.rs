//! Pulls from a hub on this machine: whole, cut, refused, redirected and lied to.

use super::fake_hub::{FakeHub, Script};
use super::*;
use crate::Shelf;
use crate::forge::{Draft, Tiny, Words, llama};
use crate::gguf::TensorType;

const NAME: &str = "tiny.F16.gguf";

fn model() -> Vec<u8> {
    llama(&Tiny::default(), &Words::bytes()).bytes()
}

/// A hub that has the tiny model and does nothing wrong.
fn honest() -> Script {
    let content = model();
    Script { sum: Checksum::of(&content).to_string(), content, ..Script::default() }
}

fn want() -> Want {
    Want::new("some-one/tiny-GGUF", &format!("sub/{NAME}")).unwrap()
}

struct House {
    dir: tempfile::TempDir,
    room: Bytes,
    tries: u32,
    told: Vec<(u64, u64)>,
}

impl House {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), room: Bytes(1 << 40), tries: 3, told: vec![] }
    }

    fn pull(&mut self, fake: &FakeHub, want: &Want) -> Result<Pulled, PullError> {
        let mut hub = Hub::new(&fake.base, Some("secret".into()));
        hub.pause = |_| {};
        hub.tries = self.tries;
        let (room, told) = (self.room, &mut self.told);
        super::pull(&hub, want, self.dir.path(), &|_| Ok(room), &mut |at| told.push((at.done.0, at.total.0)))
    }

    fn files(&self) -> Vec<String> {
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = std::fs::read_dir(self.dir.path()).unwrap().map(name).collect();
        names.retain(|name| !name.starts_with("shelf."));
        names.sort();
        names
    }

    fn content(&self) -> Vec<u8> {
        std::fs::read(self.dir.path().join(NAME)).unwrap()
    }
}

#[test]
fn a_model_is_pulled_whole_checked_and_entered() {
    let (mut house, fake) = (House::new(), FakeHub::open(honest()));
    let want = Want { model: Some("tiny".into()), licence: Some("MIT".into()), ..want() };
    let pulled = house.pull(&fake, &want).unwrap();
    assert_eq!((house.content() == model(), pulled.already), (true, false));
    assert_eq!(house.files(), [NAME], "nothing is left beside it");
    assert_eq!(house.told.last(), Some(&(model().len() as u64, model().len() as u64)));
    let path = format!("/some-one/tiny-GGUF/resolve/0123456789abcdef/sub/{NAME}");
    assert_eq!(fake.asked()[1], format!("GET {path} with token"), "the bytes come from the commit that was looked at");
    assert_eq!(pulled.entry.source, Some(format!("{}{path}", fake.base)));
    let shelf = Shelf::open(house.dir.path()).unwrap();
    assert!(shelf.notes.is_empty() && shelf.levels[0].verified(), "{:?}", shelf.notes);
    assert_eq!(shelf.levels[0].entry.licence.as_deref(), Some("MIT"));

    assert!(house.pull(&fake, &want).unwrap().already, "what is there is not fetched again");
    assert_eq!(fake.asked().len(), 3, "only looked at");
}

#[test]
fn a_cut_costs_only_what_was_on_the_way() {
    let (mut house, fake) = (House::new(), FakeHub::open(Script { cuts: vec![3_000, 0, 500], ..honest() }));
    house.tries = 4;
    house.pull(&fake, &want()).unwrap();
    assert_eq!(house.content(), model());
    let froms: Vec<_> = fake.asked().iter().filter_map(|line| line.split(" from ").nth(1).map(str::to_owned)).collect();
    assert_eq!(froms, ["3000", "3000", "3500"]);
}

#[test]
fn what_came_before_giving_up_is_kept_for_the_next_pull() {
    let mut house = House::new();
    let fake = FakeHub::open(Script { cuts: vec![3_000, 0, 0], ..honest() });
    let error = house.pull(&fake, &want()).unwrap_err();
    assert!(matches!(error, PullError::GaveUp { tries: 3, done: Bytes(3_000), .. }), "{error}");
    assert_eq!(house.files(), [format!("{NAME}.part")]);
    let fake = FakeHub::open(honest());
    house.pull(&fake, &want()).unwrap();
    assert!(fake.asked()[1].contains("from 3000"));
    assert_eq!(house.content(), model());
}

#[test]
fn a_hub_that_cannot_go_on_in_the_middle_sends_it_all_again() {
    for script in [Script { ignores_ranges: true, ..honest() }, Script { refuses_ranges: true, ..honest() }] {
        let (mut house, fake) = (House::new(), FakeHub::open(Script { cuts: vec![3_000], ..script }));
        house.pull(&fake, &want()).unwrap();
        assert_eq!(house.content(), model());
    }
}

#[test]
fn a_wrong_sum_removes_the_file_and_leaves_the_old_one() {
    let mut house = House::new();
    std::fs::write(house.dir.path().join(NAME), b"old").unwrap();
    let mut other = model();
    let last = other.len() - 1;
    other[last] ^= 1;
    let fake = FakeHub::open(Script { content: other, ..honest() });
    let error = house.pull(&fake, &want()).unwrap_err();
    assert!(matches!(error, PullError::WrongSum { .. }), "{error}");
    assert_eq!((house.files(), house.content()), (vec![NAME.to_owned()], b"old".to_vec()));
}

#[test]
fn a_part_of_another_file_is_found_out() {
    let mut house = House::new();
    let part = house.dir.path().join(format!("{NAME}.part"));
    std::fs::write(&part, [9; 4_000]).unwrap();
    let fake = FakeHub::open(honest());
    assert!(matches!(house.pull(&fake, &want()).unwrap_err(), PullError::WrongSum { .. }));
    std::fs::write(&part, vec![9; model().len() + 1]).unwrap();
    house.pull(&fake, &want()).unwrap();
    assert_eq!(house.content(), model(), "one that is too long was begun anew");
}

#[test]
fn each_refusal_says_what_to_do() {
    let table = [
        (Script { statuses: vec![404], ..honest() }, "is not there (404)"),
        (Script { statuses: vec![401], ..honest() }, "accept the licence"),
        (Script { statuses: vec![403], ..honest() }, "set HF_TOKEN"),
        (Script { statuses: vec![418], ..honest() }, "HTTP status 418"),
        (Script { sum: String::new(), ..honest() }, "redirects to \"http://"),
        (Script { content: vec![], ..honest() }, "does not name its size"),
        (Script { sum: "0".repeat(40), ..honest() }, "does not name its SHA-256 sum"),
        (Script { statuses: vec![503; 3], ..honest() }, "gave up after 3 tries"),
        (Script { redirect: "/cdn".into(), ..honest() }, "too many redirects"),
        (Script { redirect: "ftp://x/y".into(), ..honest() }, "no web address"),
    ];
    for (script, words) in table {
        let (mut house, fake) = (House::new(), FakeHub::open(script));
        let error = house.pull(&fake, &want()).unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
        assert!(!house.files().contains(&NAME.to_owned()));
    }
}

#[test]
fn a_hub_that_is_busy_for_a_moment_is_asked_again() {
    let (mut house, fake) = (House::new(), FakeHub::open(Script { statuses: vec![503, 429], ..honest() }));
    house.pull(&fake, &want()).unwrap();
    assert_eq!(house.content(), model());
    assert_eq!(backoff(1, None), Duration::from_secs(1));
    assert_eq!(backoff(3, Some(Duration::from_secs(7))), Duration::from_secs(7));
    assert_eq!(backoff(40, Some(Duration::MAX)), LONGEST_PAUSE);
}

#[test]
fn bytes_may_lie_elsewhere_but_the_token_stays_with_the_hub() {
    let store = FakeHub::open(honest());
    let hub = FakeHub::open(Script { redirect: format!("{}/cdn/x", store.base), ..honest() });
    let mut house = House::new();
    house.pull(&hub, &want()).unwrap();
    assert_eq!(house.content(), model());
    assert_eq!(store.asked(), ["GET /cdn/x"]);
    assert!(hub.asked().iter().all(|line| line.ends_with("with token")));

    let same = FakeHub::open(Script { redirect: "/cdn/y".into(), cuts: vec![100], ..honest() });
    let mut house = House::new();
    house.pull(&same, &want()).unwrap();
    assert!(same.asked().contains(&"GET /cdn/y with token from 100".to_owned()), "{:?}", same.asked());
}

#[test]
fn nothing_is_begun_without_room() {
    let (mut house, fake) = (House::new(), FakeHub::open(honest()));
    let whole = Bytes(model().len() as u64);
    house.room = whole.plus(SPARE_ROOM).minus(Bytes(1));
    let error = house.pull(&fake, &want()).unwrap_err();
    assert!(matches!(error, PullError::NoRoom { needs, .. } if needs == whole), "{error}");
    assert_eq!(fake.asked().len(), 1);
    house.room = whole.plus(SPARE_ROOM);
    house.pull(&fake, &want()).unwrap();
}

#[test]
fn a_file_that_is_not_the_pinned_one_or_too_large_is_not_fetched() {
    let (mut house, fake) = (House::new(), FakeHub::open(honest()));
    let pinned = Want { sha256: Some(Checksum::of(b"other")), ..want() };
    assert!(matches!(house.pull(&fake, &pinned).unwrap_err(), PullError::Replaced { .. }));
    let mut hub = Hub::new(&fake.base, None);
    hub.largest = Bytes(model().len() as u64 - 1);
    let error = super::pull(&hub, &want(), house.dir.path(), &|_| Ok(Bytes(1 << 40)), &mut |_| {}).unwrap_err();
    assert!(matches!(error, PullError::TooLarge { .. }), "{error}");
    assert!(fake.asked().iter().all(|line| line.starts_with("HEAD")));
}

#[test]
fn a_pinned_sum_serves_where_the_hub_names_none() {
    let (mut house, fake) = (House::new(), FakeHub::open(Script { sum: "none".into(), ..honest() }));
    house.pull(&fake, &Want { sha256: Some(Checksum::of(&model())), ..want() }).unwrap();
}

#[test]
fn what_is_no_model_for_this_llama_cpp_is_removed() {
    for content in [b"PK\x03\x04 a zip".to_vec(), Draft::new("alien").blank("w", &[8], TensorType::F32).bytes()] {
        let script = Script { sum: Checksum::of(&content).to_string(), content, ..Script::default() };
        let (mut house, fake) = (House::new(), FakeHub::open(script));
        assert!(matches!(house.pull(&fake, &want()).unwrap_err(), PullError::Unusable { .. }));
        assert!(house.files().is_empty());
    }
}

#[test]
fn a_file_is_pulled_by_one_at_a_time() {
    let (mut house, fake) = (House::new(), FakeHub::open(honest()));
    let other = Part::open(house.dir.path(), NAME, Bytes(10)).unwrap().unwrap();
    assert!(matches!(house.pull(&fake, &want()).unwrap_err(), PullError::Busy(_)));
    drop(other);
    house.pull(&fake, &want()).unwrap();
}

#[test]
fn places_lead_nowhere_else() {
    for (repo, file) in [
        ("a", "b.gguf"),
        ("a/b/c", "b.gguf"),
        ("../b", "b.gguf"),
        ("a/b", "../b.gguf"),
        ("a/b", "/b.gguf"),
        ("a/b", "x//b.gguf"),
        ("a/b", "b.bin"),
        ("a/b?x", "b.gguf"),
        ("a/b", "b%2f.gguf"),
        ("a/b", ""),
    ] {
        assert!(Want::new(repo, file).is_err(), "{repo} {file}");
    }
    assert!(Want::at("a/b", "c/d.gguf", "refs/../x").is_err());
    assert_eq!(Want::at("a/b", "c/d.gguf", "v1.0").unwrap().name(), "d.gguf");
}
