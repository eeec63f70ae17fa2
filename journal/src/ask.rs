//! What goes into the journal and what comes out of it, as plain values.
//!
//! Promises: payloads are bytes that nobody here looks into; every moment is given twice over, by the monotonic
//! clock of the boot and, where it was known, by the civil clock.
//! Deliberately absent: what a payload means, topics, who asked (the caller puts all of that into the payload).

use hob_core::units::{Bytes, Micros, UnixSeconds};

/// A moment, by the clock of this boot and, once it is known, by the civil clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Since the boot whose name [`crate::Journal::open`] was given; never turns back within it.
    pub mono: Micros,
    /// The civil clock, only when it can be trusted (after NTP or from a clock with a battery).
    pub unix: Option<UnixSeconds>,
}

/// A prompt to be taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The idempotency key: the same id is the same prompt.
    pub id: String,
    /// All that is needed to answer it, in the caller's own coding.
    pub body: Vec<u8>,
    /// How long from `now` an answer is worth something; none for ever.
    pub left: Option<Micros>,
    /// When it came.
    pub now: Stamp,
}

/// What became of an [`Ask`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is on the disk: say `accepted`.
    New(Place),
    /// It was on the disk already and its final message is still to go out, by itself: say `accepted` again.
    Waiting(Place),
    /// It was answered and the answer had arrived; here it is, to be published once more.
    Answered(Vec<u8>),
    /// Not taken: the quota is used up. Say `busy`.
    Full,
}

/// Where a prompt stands in the order of arrival; later ones are higher, across restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place(pub i64);

/// Whether a prompt may be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// Run it; this is the attempt of that number, from 1.
    Run(u32),
    /// It was begun as often as allowed and never ended: settle it with the error `poison`.
    Poison,
    /// There is no such prompt, or its final message is stored already: do not run it.
    Over,
}

/// Whether a final message was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It is on the disk and waits to be sent.
    Stored,
    /// Another one was there first, and stays: a prompt has exactly one.
    Already,
    /// No such prompt (pruned, or never accepted).
    Unknown,
}

/// How far a prompt has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Accepted, not begun.
    Received,
    /// Begun; after a restart: begun and cut off.
    Running,
    /// Its final message is stored and not yet acknowledged by the broker.
    Answered,
    /// Its final message has arrived; kept a while so that a late repeat is recognised.
    Sent,
}

/// A moment seen from another: how long ago at least, and by the civil clock where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ago {
    /// Never below zero, never more than the truth. A time without power counts only where the civil clock is known.
    pub ago: Micros,
    /// Known once the civil clock was known at any moment of the boot it happened in, be it later.
    pub unix: Option<UnixSeconds>,
}

/// One prompt of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its order.
    pub place: Place,
    /// Its id.
    pub id: String,
    /// How far it has come.
    pub state: State,
    /// How often it was begun.
    pub attempts: u32,
    /// When it was accepted.
    pub came: Ago,
    /// When its final message was stored.
    pub settled: Option<Ago>,
    /// What is left of the time it was given; zero: it is expired.
    pub left: Option<Micros>,
    /// What was asked, until its final message is stored; then that.
    pub body: Vec<u8>,
}

/// What the journal may hold, and how it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Prompts whose final message has not arrived yet.
    pub open_rows: u64,
    /// The bytes of those, ids and `answer` for each unanswered one included.
    pub open_bytes: Bytes,
    /// Room set aside for the final message of each prompt that waits for one.
    pub answer: Bytes,
    /// Id and body of one prompt or final message; a larger one is refused.
    pub largest: Bytes,
    /// Finished prompts that are kept to recognise repeats: so many,
    pub kept_rows: u64,
    /// so large with their answers,
    pub kept_bytes: Bytes,
    /// and so long.
    pub kept_for: Micros,
    /// How often a prompt is begun before it counts as poison.
    pub attempts: u32,
    /// How long a commit waits for company, at most.
    pub gather: Micros,
    /// Calls that wait for the disk; past it they are refused. Accepting new prompts stops at three quarters.
    pub queue: usize,
    /// First and longest pause between two tries of a disk that is in trouble; doubled in between.
    pub back_off: (Micros, Micros),
}

impl Default for Limits {
    /// For a board with an SD card: 100 MB and 10 000 prompts open, a day of repeats recognised.
    fn default() -> Self {
        Self {
            open_rows: 10_000,
            open_bytes: Bytes(100_000_000),
            answer: Bytes(8_192),
            largest: Bytes::from_mebibytes(1),
            kept_rows: 10_000,
            kept_bytes: Bytes(50_000_000),
            kept_for: Micros(86_400_000_000),
            attempts: 3,
            gather: Micros(20_000),
            queue: 1_024,
            back_off: (Micros(200_000), Micros(30_000_000)),
        }
    }
}
