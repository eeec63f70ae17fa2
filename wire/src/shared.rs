//! How the words of `hob-core` are spelt in JSON, for the payload types of this crate.
//!
//! Deliberately absent: anything that a payload does not share with another one.

use hob_core::prompt::{Finish, PromptId, TokenCount};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::VERSION;

/// The version of a payload: written as 1, and a payload of another version is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct V1;

impl Serialize for V1 {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_u32(VERSION)
    }
}

impl<'de> Deserialize<'de> for V1 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match u32::deserialize(from)? {
            VERSION => Ok(Self),
            other => Err(de::Error::custom(format_args!("this is version {other}; this Hob reads version {VERSION}"))),
        }
    }
}

/// A prompt id as a JSON text.
pub(crate) mod id {
    use super::{Deserialize, Deserializer, PromptId, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(id: &PromptId, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(id.as_str())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PromptId, D::Error> {
        PromptId::new(String::deserialize(from)?).map_err(de::Error::custom)
    }
}

/// The words of [`Finish`].
#[derive(Serialize, Deserialize)]
#[serde(remote = "Finish", rename_all = "snake_case")]
pub(crate) enum FinishWord {
    Stop,
    Length,
    Cancelled,
    Deadline,
    Budget,
    Closing,
}

/// The fields of [`TokenCount`].
#[derive(Serialize, Deserialize)]
#[serde(remote = "TokenCount")]
pub(crate) struct TokenCountFields {
    prompt: u32,
    cached: u32,
    completion: u32,
}

/// For `skip_serializing_if`: a flag that is not up is left out.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
pub(crate) fn is_down(flag: &bool) -> bool {
    !flag
}
