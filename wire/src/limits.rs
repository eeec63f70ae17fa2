//! How big anything that comes in may be.
//!
//! Promises: every field of a request has its bound here, and the JSON Schemas say the same numbers (a test compares
//! what both accept). Deliberately absent: limits of the house that a site may set, such as the length of the queue.

/// The largest payload of a request, in bytes: about 64 000 tokens of English, far past any context that a small board
/// can hold, and a quarter of the largest MQTT packet that Hob takes.
pub const PAYLOAD_BYTES: usize = 256 * 1024;
/// How deep arrays and objects may nest in a request; JSON Schemas of forms rarely pass 12.
pub const JSON_DEPTH: usize = 32;
/// The most messages of one conversation.
pub const MESSAGES: usize = 256;
/// The most stop strings.
pub const STOPS: usize = 16;
/// The longest stop string, in bytes.
pub const STOP_BYTES: usize = 256;
/// The most texts of one embed request.
pub const INPUTS: usize = 64;
/// The largest `json_schema` or `grammar`, in bytes.
pub const SHAPE_BYTES: usize = 64 * 1024;
/// The longest name of a model, in bytes.
pub const MODEL_BYTES: usize = 128;
/// The longest name of a level, in bytes.
pub const LEVEL_BYTES: usize = 32;
/// The longest topic that Hob answers to, in bytes; MQTT allows 65 535.
pub const REPLY_TOPIC_BYTES: usize = 512;
/// The most tokens an answer may be asked to have.
pub const MAX_TOKENS: i64 = 131_072;
/// The largest `top_k`: more than any vocabulary.
pub const TOP_K: i64 = 1_000_000;
/// The longest deadline, in milliseconds: seven days, as long as the broker is asked to keep a session.
pub const DEADLINE_MS: i64 = 7 * 24 * 3_600 * 1_000;
/// The largest energy budget of one prompt, in joules: 55 hours at 5 W.
pub const JOULES: i64 = 1_000_000;
/// The longest time for which a mode may be set, or a grid's intensity be valid, in seconds: seven days.
pub const FOR_S: i64 = 7 * 24 * 3_600;
/// The longest time for which telemetry may come quicker, in seconds: an hour.
pub const WATCH_S: i64 = 3_600;
/// The longest name of a source of grid intensities, in bytes.
pub const SOURCE_BYTES: usize = 64;
