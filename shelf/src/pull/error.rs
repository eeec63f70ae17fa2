//! Why a model was not pulled, and what to do about it.

use crate::checksum::Checksum;
use crate::gguf::GgufError;
use crate::manifest::ManifestError;
use crate::place::{BadFileName, SPARE_ROOM};
use hob_core::units::Bytes;

/// Why a model was not pulled.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// A file name with a way out of the shelf in it.
    #[error(transparent)]
    BadName(#[from] BadFileName),
    /// A repository, path or revision that is none.
    #[error("{0:?} is no place on a hub; write OWNER/NAME and a path of plain names")]
    BadPlace(String),
    /// The hub does not have it.
    #[error("{url} is not there (404); check repository, file and revision on the hub's page")]
    NotThere {
        /// What was asked for.
        url: String,
    },
    /// The hub wants a licence accepted or a token.
    #[error("{url} is not for everybody ({status}); accept the licence on the hub's page and set HF_TOKEN")]
    NotAllowed {
        /// What was asked for.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// Any other answer that is no file.
    #[error("{url} was answered with HTTP status {status}; is this a model hub?")]
    Refused {
        /// What was asked for.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// A redirect to where Hob does not go.
    #[error("{url} redirects to {to:?}, which is not followed ({why})")]
    BadRedirect {
        /// What was asked for.
        url: String,
        /// Where it points.
        to: String,
        /// Why not.
        why: &'static str,
    },
    /// The hub does not say how large the file is, or which sum it has.
    #[error("{url}: the hub does not name {what}; a file that cannot be checked is not taken")]
    Unchecked {
        /// What was asked for.
        url: String,
        /// Size or checksum.
        what: &'static str,
    },
    /// The hub has another file than the catalogue.
    #[error("{file}: the hub has {hub}, the catalogue pins {pinned}; the file was replaced there, or something between lies")]
    Replaced {
        /// The file.
        file: String,
        /// The sum that the hub names.
        hub: Checksum,
        /// The sum that was asked for.
        pinned: Checksum,
    },
    /// More than may be pulled.
    #[error("{file} has {} MiB, more than the {} MiB that may be pulled", says.mebibytes(), most.mebibytes())]
    TooLarge {
        /// The file.
        file: String,
        /// Its size.
        says: Bytes,
        /// The largest that is taken.
        most: Bytes,
    },
    /// No room.
    #[error(
        "{file} needs {} MiB more and {} MiB to spare, the disk has {} MiB; remove a level with `hob model rm`",
        needs.mebibytes(), SPARE_ROOM.mebibytes(), has.mebibytes()
    )]
    NoRoom {
        /// The file.
        file: String,
        /// What is still to be written.
        needs: Bytes,
        /// What is free.
        has: Bytes,
    },
    /// Somebody else pulls the same file.
    #[error("{0} is being pulled already")]
    Busy(String),
    /// The line or the hub failed too often. What came so far is kept: the next pull goes on there.
    #[error("gave up after {tries} tries without progress at {} of {} MiB ({cause}); pull again to go on from there", done.mebibytes(), total.mebibytes())]
    GaveUp {
        /// Tries in a row.
        tries: u32,
        /// What is there.
        done: Bytes,
        /// What should be there; 0 if not even that is known.
        total: Bytes,
        /// The last failure.
        cause: String,
    },
    /// The file came, but it is not what was promised. It was removed.
    #[error(
        "{file} came with the sum {got} instead of {expected} and was removed; pull again, and distrust the line if it recurs"
    )]
    WrongSum {
        /// The file.
        file: String,
        /// What was promised.
        expected: Checksum,
        /// What came.
        got: Checksum,
    },
    /// The file came as promised, but it is no model for this llama.cpp. It was removed.
    #[error("{file} was removed: {why}")]
    Unusable {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: GgufError,
    },
    /// The disk says no.
    #[error("cannot write {file}: {cause}")]
    Disk {
        /// The file.
        file: String,
        /// Why.
        cause: std::io::Error,
    },
    /// The file is there, but the manifest could not be written.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}
