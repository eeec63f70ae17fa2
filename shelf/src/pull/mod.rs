//! Fetches a model from a hub onto the shelf.
//!
//! ```text
//! look (size, sum, commit) ─▶ room? ─▶ NAME.part: bytes, resumed after every cut ─▶ sum? ─▶ header? ─▶ NAME
//! ```
//!
//! Promises: under its own name there is the whole file with the promised sum, or what was there
//! before; a cut costs only what was on the way; the number of tries without progress is bounded.
//! Deliberately absent: several files at once (a Pi's SD card is the narrow place), and the hub's
//! own chunk store (`xet`): its plain addresses serve every file.

mod error;
mod hub;

#[cfg(test)]
mod fake_hub;
#[cfg(test)]
mod tests;

pub use error::PullError;
pub use hub::Hub;

use crate::catalogue::{Model, Offer, Origin};
use crate::checksum::Checksum;
use crate::gguf::Gguf;
use crate::manifest::{Entry, Manifest};
use crate::part::Part;
use crate::place::{self, SPARE_ROOM};
use crate::{Progress, Step};
use hob_core::units::Bytes;
use hub::Promised;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes that must come for a try to count as progress.
const PROGRESS: u64 = 1 << 20;
/// The longest wait between two tries, also when a hub asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// A file on a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// Owner and name of the repository.
    pub repo: String,
    /// Path in it.
    pub file: String,
    /// Commit, branch or tag.
    pub revision: String,
    /// The sum that it must have, if that is known beforehand.
    pub sha256: Option<Checksum>,
    /// Its model's name on the shelf; else taken from the file's.
    pub model: Option<String>,
    /// Its licence, if that is known beforehand.
    pub licence: Option<String>,
}

impl Want {
    /// `file` on branch `main` of `repo`.
    ///
    /// # Errors
    ///
    /// [`PullError::BadPlace`] or [`PullError::BadName`].
    pub fn new(repo: &str, file: &str) -> Result<Self, PullError> {
        Self::at(repo, file, "main")
    }

    /// `file` in `repo` at a commit, branch or tag.
    ///
    /// # Errors
    ///
    /// [`PullError::BadPlace`] or [`PullError::BadName`].
    pub fn at(repo: &str, file: &str, revision: &str) -> Result<Self, PullError> {
        let plain = |part: &str| {
            let fit = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte);
            !part.is_empty() && part.len() <= 200 && part.bytes().all(fit) && !part.starts_with('.')
        };
        let bad = |place: &str| PullError::BadPlace(place.chars().take(200).collect());
        if repo.split('/').count() != 2 || !repo.split('/').all(plain) {
            return Err(bad(repo));
        }
        if !plain(revision) {
            return Err(bad(revision));
        }
        if !file.split('/').all(plain) {
            return Err(bad(file));
        }
        let want =
            Self { repo: repo.into(), file: file.into(), revision: revision.into(), sha256: None, model: None, licence: None };
        place::check_name(want.name())?;
        Ok(want)
    }

    /// What the catalogue offers; `None` if it is not on a hub.
    #[must_use]
    pub fn of(model: &Model, offer: &Offer) -> Option<Result<Self, PullError>> {
        let Origin::Hub { repo, file, revision } = &offer.from else { return None };
        let want = Self::at(repo, file, revision.as_deref().unwrap_or("main"));
        let known =
            |want| Self { sha256: offer.sha256, model: Some(model.name.clone()), licence: Some(model.licence.clone()), ..want };
        Some(want.map(known))
    }

    /// The name that it will have on the shelf.
    #[must_use]
    pub fn name(&self) -> &str {
        self.file.rsplit('/').next().unwrap_or_default()
    }
}

/// A file that is on the shelf now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Where it lies.
    pub path: PathBuf,
    /// What the manifest says about it.
    pub entry: Entry,
    /// Whether it was there before, with the same sum.
    pub already: bool,
}

/// Why a request brought nothing more.
enum Cut {
    /// Another try may bring it; not before so long.
    Again(String, Option<Duration>),
    /// The hub cannot go on from there.
    Restart,
    /// No try will.
    Final(PullError),
}

/// Fetches `want` from `hub` into the folder `dir`. `room` tells the free bytes of a folder
/// ([`place::free_room`]). Blocks, for minutes to hours.
///
/// # Errors
///
/// [`PullError`]; after [`PullError::GaveUp`] the same call goes on where this one stopped.
pub fn pull(
    hub: &Hub,
    want: &Want,
    dir: &Path,
    room: &dyn Fn(&Path) -> io::Result<Bytes>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Pulled, PullError> {
    let name = want.name().to_owned();
    place::check_name(&name)?;
    let disk = |cause| PullError::Disk { file: name.clone(), cause };
    let promised = look(hub, want)?;
    let sha256 = agreed_sum(hub, want, &promised)?;
    if promised.bytes > hub.largest {
        return Err(PullError::TooLarge { file: name, says: promised.bytes, most: hub.largest });
    }
    let path = dir.join(&name);
    if let Some(entry) = already_there(dir, &path, &name, sha256) {
        return Ok(Pulled { path, entry, already: true });
    }
    let mut part = Part::open(dir, &name, promised.bytes).map_err(disk)?.ok_or_else(|| PullError::Busy(name.clone()))?;
    let needs = promised.bytes.minus(part.done());
    let has = room(dir).map_err(disk)?;
    if needs.plus(SPARE_ROOM) > has {
        return Err(PullError::NoRoom { file: name, needs, has });
    }
    let url = hub.url(want, promised.commit.as_deref().unwrap_or(&want.revision));
    fetch(hub, &url, &mut part, progress)?;
    let entry = accept(&part, want, sha256, &url).inspect_err(|_| part.remove())?;
    part.settle(&path).map_err(disk)?;
    Manifest::change(dir, |manifest| drop(manifest.files.insert(name, entry.clone())))?;
    Ok(Pulled { path, entry, already: false })
}

/// Asks the hub about the file, as often as it takes within bounds.
fn look(hub: &Hub, want: &Want) -> Result<Promised, PullError> {
    let url = hub.url(want, &want.revision);
    let mut failures = 0;
    loop {
        let (cause, asked) = match hub.look(&url) {
            Ok(promised) => return Ok(promised),
            Err(Cut::Final(error)) => return Err(error),
            Err(Cut::Restart) => ("an answer that makes no sense".to_owned(), None),
            Err(Cut::Again(cause, asked)) => (cause, asked),
        };
        failures += 1;
        if failures >= hub.tries {
            return Err(PullError::GaveUp { tries: failures, done: Bytes::ZERO, total: Bytes::ZERO, cause });
        }
        (hub.pause)(backoff(failures, asked));
    }
}

/// The sum that hub and catalogue agree on.
fn agreed_sum(hub: &Hub, want: &Want, promised: &Promised) -> Result<Checksum, PullError> {
    match (promised.sha256, want.sha256) {
        (Some(hub), Some(pinned)) if hub != pinned => Err(PullError::Replaced { file: want.file.clone(), hub, pinned }),
        (_, Some(sum)) | (Some(sum), None) => Ok(sum),
        (None, None) => Err(PullError::Unchecked { url: hub.url(want, &want.revision), what: "its SHA-256 sum" }),
    }
}

/// The entry of a file that is there with this sum.
fn already_there(dir: &Path, path: &Path, name: &str, sha256: Checksum) -> Option<Entry> {
    let entry = Manifest::load(dir).ok()?.files.remove(name)?;
    let whole = path.metadata().is_ok_and(|meta| meta.len() == entry.bytes);
    (whole && entry.sha256 == Some(sha256)).then_some(entry)
}

/// Brings the rest of the bytes, over as many requests as it takes.
fn fetch(hub: &Hub, url: &str, part: &mut Part, progress: &mut dyn FnMut(Progress<'_>)) -> Result<(), PullError> {
    let mut failures = 0;
    while part.done() < part.total() {
        let before = part.done();
        let cut = bring(hub, url, part, progress)?;
        if part.done() == part.total() {
            break;
        }
        failures = if part.done().minus(before).0 >= PROGRESS { 0 } else { failures + 1 };
        let (cause, asked) = cut;
        if failures >= hub.tries {
            return Err(PullError::GaveUp { tries: failures, done: part.done(), total: part.total(), cause });
        }
        (hub.pause)(backoff(failures, asked));
    }
    Ok(())
}

/// One request; why it ended, if it may be tried again.
fn bring(
    hub: &Hub,
    url: &str,
    part: &mut Part,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(String, Option<Duration>), PullError> {
    let response = match hub.open(url, part.done()) {
        Ok(response) => response,
        Err(Cut::Final(error)) => return Err(error),
        Err(Cut::Again(cause, asked)) => return Ok((cause, asked)),
        Err(Cut::Restart) => {
            part.restart().map_err(|cause| failed(part, cause))?;
            return Ok(("the hub cannot go on in the middle of the file".to_owned(), None));
        }
    };
    if response.status().as_u16() == 200 && part.done() > Bytes::ZERO {
        part.restart().map_err(|cause| failed(part, cause))?; // it sends all, whatever was asked for
    }
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match body.read(&mut buffer) {
            Ok(0) => return Ok(("the connection ended early".to_owned(), None)),
            Err(error) => return Ok((error.to_string(), None)),
            Ok(count) => {
                part.add(buffer.get(..count).unwrap_or_default()).map_err(|cause| failed(part, cause))?;
                progress(Progress { file: part.name(), step: Step::Download, done: part.done(), total: part.total() });
            }
        }
        if part.done() >= part.total() {
            return Ok((String::new(), None)); // whatever else it sends is not wanted
        }
    }
}

/// What the disk said, with the file's name.
fn failed(part: &Part, cause: io::Error) -> PullError {
    PullError::Disk { file: part.name().to_owned(), cause }
}

/// Checks what came: its sum, then its header.
fn accept(part: &Part, want: &Want, expected: Checksum, url: &str) -> Result<Entry, PullError> {
    let file = part.name().to_owned();
    let got = part.sum();
    if got != expected {
        return Err(PullError::WrongSum { file, expected, got });
    }
    match Gguf::open(part.path()).and_then(|gguf| gguf.check_servable().map(|()| gguf)) {
        Err(why) => Err(PullError::Unusable { file, why }),
        Ok(gguf) => {
            let said = Entry::of_header(&file, &gguf);
            Ok(Entry {
                model: want.model.clone().unwrap_or(said.model),
                licence: want.licence.clone().or(said.licence),
                source: Some(url.to_owned()),
                sha256: Some(got),
                ..said
            })
        }
    }
}

/// One second, then twice as long each time, within what the hub asks for and a minute.
fn backoff(failures: u32, asked: Option<Duration>) -> Duration {
    let own = Duration::from_secs(1 << failures.saturating_sub(1).min(6));
    asked.map_or(own, |asked| asked.max(own)).min(LONGEST_PAUSE)
}
