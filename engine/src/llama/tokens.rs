//! Between texts and tokens, and what a model says of itself.
//!
//! Promise: what stands between [`FENCE`]s is read as text, control tokens only outside of them.

use llama_cpp_2::{model::LlamaModel, token::LlamaToken};

use crate::{
    api::{LoadError, Spec},
    template::{FENCE, Template},
};

/// Architectures that write nothing: encoders, and those that llama.cpp gives no cache.
const NO_WRITERS: &[&str] = &[
    "gemma-embedding",
    "t5",
    "t5encoder",
    "wavtokenizer-dec",
    "dream",
    "llada",
    "llada-moe",
    "rnd1",
    "clef",
    "eagle3",
    "dflash",
    "clip",
];
/// `llama_pooling_type`s that make one vector of a text: mean, the first token's, the last token's.
const POOLINGS: &[&str] = &["1", "2", "3"];

/// The model's template, with the tokens that messages must not spell.
pub(super) fn template(model: &LlamaModel, spec: &Spec) -> Result<Template, LoadError> {
    let vocab = model.vocab();
    let control = vocab.tokens().filter(|&token| vocab.is_control(token) || vocab.is_eog(token));
    let control = control.map(|token| spelling(model, token)).collect();
    let source = model.chat_template(None).ok().and_then(|template| template.to_string().ok());
    Template::new(source, spelling(model, vocab.bos()), spelling(model, vocab.eos()), control)
        .map_err(|error| LoadError::Template { file: spec.file.display().to_string(), why: error.0 })
}

/// How a token is written; nothing for one that the model lacks.
fn spelling(model: &LlamaModel, token: LlamaToken) -> String {
    let vocab = model.vocab();
    if !(0..vocab.n_tokens()).contains(&token.0) {
        return String::new();
    }
    vocab.text(token).map_or(String::new(), |text| text.to_string_lossy().into_owned())
}

/// The tokens of a rendered conversation (`chat`) or of a plain text.
pub(super) fn tokenize(model: &LlamaModel, rendered: &str, chat: bool) -> Vec<LlamaToken> {
    let vocab = model.vocab();
    let bos = spelling(model, vocab.bos());
    let mut tokens = Vec::new();
    let mut text = rendered;
    if vocab.should_add_bos() && !bos.is_empty() {
        tokens.push(vocab.bos());
        // Templates write the first token too; once is right.
        if chat {
            text = text.strip_prefix(bos.as_str()).unwrap_or(text);
        }
    }
    // A template may have cut a message in two, so fences need not come in pairs: each says for itself
    // what follows it.
    let mut control = chat;
    for part in text.split_inclusive([FENCE.0, FENCE.1]) {
        let words = part.trim_end_matches([FENCE.0, FENCE.1]);
        if !words.is_empty() {
            tokens.append(&mut vocab.tokenize(words.as_bytes(), false, control));
        }
        if part.ends_with(FENCE.0) {
            control = false;
        } else if part.ends_with(FENCE.1) {
            control = chat;
        }
    }
    tokens
}

/// Whether the model says of itself that it makes embeddings.
pub(super) fn embeds(model: &LlamaModel) -> bool {
    let kind = architecture(model);
    match model.meta_val_str(&format!("{kind}.pooling_type")) {
        Ok(pooling) => POOLINGS.contains(&pooling.as_str()),
        Err(_) => false,
    }
}

/// Whether it writes, a token after the other.
pub(super) fn writes(model: &LlamaModel) -> bool {
    let kind = architecture(model);
    !kind.contains("bert") && !NO_WRITERS.contains(&kind.as_str())
}

fn architecture(model: &LlamaModel) -> String {
    model.meta_val_str("general.architecture").unwrap_or_default()
}
